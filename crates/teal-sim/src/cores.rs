//! Many cases, on every core.

use std::thread;

/// Lets each core take its share of the cases into a result of its own.
pub fn on_every_core<T: Sync, R: Default + Send>(cases: &[T], take: impl Fn(&mut R, &T) + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let take = &take;
        let share = |thread| {
            scope.spawn(move || {
                let mut part = R::default();
                cases.iter().skip(thread).step_by(threads).for_each(|case| take(&mut part, case));
                part
            })
        };
        let workers: Vec<_> = (0..threads).map(share).collect();
        let joined =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect()
    })
}
