//! Connections of a server that goes on whatever becomes of one of them.

use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// After an error of accept (too many open files, say), how long until the next try.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves each connection in a task of its own, until this is dropped; the connections end with it.
pub async fn accept_each<F>(listener: TcpListener, mut serve: impl FnMut(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            // Ended connections are taken out of the set.
            Some(_) = connections.join_next() => {}
        }
    }
}
