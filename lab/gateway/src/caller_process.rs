//! The process at the other end of a connection, to be killed by a fault. Linux only, like the lab.

use rustix::process::{Pid, Signal, getpid, kill_process};
use std::fs;
use std::net::SocketAddr;
use std::net::{IpAddr, Ipv4Addr};
use tokio::net::TcpStream;

/// The two ends of a connection from this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    caller: SocketAddr,
    gateway: SocketAddr,
}

impl Connection {
    /// `None` if the connection is closed already.
    pub(crate) fn of(stream: &TcpStream) -> Option<Self> {
        Some(Self { caller: stream.peer_addr().ok()?, gateway: stream.local_addr().ok()? })
    }
}

/// Kills the process that holds the caller's end with SIGKILL; never this process. Says whether one was found.
pub(crate) fn kill(connection: Connection) -> bool {
    let Some(process) = holder(connection).filter(|process| *process != getpid()) else { return false };
    // One that has ended meanwhile needs no killing.
    kill_process(process, Signal::KILL).is_ok()
}

fn holder(connection: Connection) -> Option<Pid> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let socket = format!("socket:[{}]", inode(&table, connection)?);
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).find_map(|number| {
        // Processes of other users, and those that have just ended, cannot be looked at.
        let mut files = fs::read_dir(format!("/proc/{number}/fd")).ok()?.flatten();
        let holds = files.any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == &*socket));
        holds.then(|| Pid::from_raw(number)).flatten()
    })
}

/// The inode of the caller's end in the kernel's table of connections:
/// <https://docs.kernel.org/networking/proc_net_tcp.html>.
fn inode(table: &str, connection: Connection) -> Option<&str> {
    let (local, remote) = (in_the_table(connection.caller)?, in_the_table(connection.gateway)?);
    table.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_it = fields.next()? == local && fields.next()? == remote;
        if is_it { fields.nth(6) } else { None }
    })
}

/// Address and port as the table has them: the address's bytes in the machine's order.
fn in_the_table(address: SocketAddr) -> Option<String> {
    let IpAddr::V4(ip) = address.ip() else { return None };
    Some(format!("{:08X}:{:04X}", u32::from_ne_bytes(Ipv4Addr::octets(&ip)), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn the_inode_is_found_by_both_ends() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 11111 1\n\
             1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 22222 1\n";
        let end = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let connection = Connection { caller: end(50000), gateway: end(8080) };
        assert_eq!(inode(table, connection), Some("22222"));
        assert_eq!(inode(table, Connection { caller: end(50001), ..connection }), None);
    }

    #[tokio::test]
    async fn the_process_at_the_other_end_is_found_and_this_one_is_never_killed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let connection = Connection::of(&server).unwrap();
        assert_eq!(holder(connection), Some(getpid()));
        assert!(!kill(connection));
        drop(client);
    }
}
