//! Sandboxes as plain futures in this process: the runtime of service tests and of the simulator.
//!
//! [`MemoryEngine`] plays the engine: it outlives the runners that use it, so a "restarted" runner finds what its past
//! left. Started sandboxes run a [`Program`] with the specification and two pipes. Killing drops the future, pausing
//! stops polling it, and faults are set by the test. It keeps the port's promises, checked against the same tests.

mod engine;
mod program;
mod runtime;

pub use engine::{Fault, MemoryEngine};
pub use program::{Pipes, Program, program};
pub use runtime::MemoryRuntime;
