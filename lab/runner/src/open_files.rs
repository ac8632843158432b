//! How many files this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A flow of datagrams that goes through a load balancer is a socket here for two minutes, so that a few dozen a second are some thousands;
/// what is usual on Linux (1024) is soon too little.
const WANTED: u64 = 16_384;

/// Has as many as are wanted, or else as many as this process may ask for.
pub(crate) fn allow() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    // Without a current limit there is nothing to raise.
    if current.is_some_and(|current| current < wanted) {
        // Most scenarios need no more than there is; in others answers are missing, and that is told.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_the_machine_lets() {
        allow();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let least = maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
        assert!(current.is_none_or(|current| current >= least), "{current:?} of {maximum:?}");
    }
}
