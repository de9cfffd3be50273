//! A loopback port that stays ours while its server is down.
//!
//! Below the range from which the kernel takes the ports of outgoing connections: such a connection could take the port of a
//! stopped server, and a client that dials a stopped server could even be connected to itself.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use anyhow::{Result, bail};

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Reserves a TCP port until it is dropped, also against other processes that take their ports here.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Nothing is sent over it: the UDP port of the same number is the reservation, and the kernel releases it with us.
    _reservation: UdpSocket,
}

impl Port {
    /// Reserves one; fails when none is free.
    pub fn reserve() -> Result<Self> {
        // Processes that start together begin at different places.
        let start = (std::process::id().wrapping_mul(7919) % u32::from(COUNT)) as u16;
        for step in 0..COUNT {
            let number = FIRST + (start + step) % COUNT;
            let Ok(reservation) = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)) else {
                continue;
            };
            // Somebody who is not of ours may serve there.
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self {
                    number,
                    _reservation: reservation,
                });
            }
        }
        bail!("no loopback port is free between {FIRST} and {}", FIRST + COUNT - 1)
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// It on the loopback interface.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}
