//! HTTP as this gateway speaks it: one shape of errors, bounded bodies, bounded connections, over TCP and over a Unix
//! socket. Knows no endpoint.

mod error;
mod extract;
mod socket;

pub use error::ApiError;
pub(crate) use extract::parse_body;
pub use extract::{JsonBody, Params, read_body};
pub use socket::{ControlSocket, SOCKET_NAME, bind_control_socket};
