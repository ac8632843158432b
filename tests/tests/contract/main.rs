//! What the code, the state machine and the template promise each other, read from the files themselves.

mod repository;
mod state_machine;
mod template;
