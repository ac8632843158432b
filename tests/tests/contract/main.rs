//! What the code, the state machine and the template promise each other, read from the files themselves.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod calls;
mod permissions;
mod pipeline;
mod readme;
mod repository;
mod security;
mod state_machine;
mod teal_hook;
mod template;
mod users_side;
mod ways;
