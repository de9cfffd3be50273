//! Stories of moving groups between runners. Each runner has its own directories; all share one store of blobs.

mod counting;
mod hostile;
mod moving;
mod place;
mod round_trip;
mod safety;
