//! UDP sockets with kernel arrival times, waiting for many of them, the clocks and sleeping.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A nonblocking socket. The kernel stamps what arrives, so that a reader that comes late does not
/// lengthen a measured delay.
pub struct Udp(UdpSocket);

pub struct Arrival {
    pub length: usize,
    pub from: SocketAddr,
    /// Nanoseconds of the wall clock.
    pub at: u64,
}

impl Udp {
    /// `room`: bytes that may wait in the kernel.
    pub fn bind(address: SocketAddr, room: usize) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot bind UDP {address}: {error}")))?;
        socket.set_nonblocking(true)?;
        set(&socket, libc::SO_RCVBUF, i32::try_from(room).unwrap_or(i32::MAX))?;
        set(&socket, libc::SO_TIMESTAMPNS, 1)?;
        Ok(Self(socket))
    }

    /// A full buffer loses the datagram, as a network might.
    pub fn send(&self, bytes: &[u8], to: SocketAddr) -> bool {
        self.0.send_to(bytes, to).is_ok()
    }

    /// One datagram, where one is there.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<Arrival> {
        // SAFETY: all pointers in `message` point to locals that live over the call, with their true
        // lengths; what the kernel wrote is read within the lengths that it gave back.
        unsafe {
            let mut source: libc::sockaddr_storage = std::mem::zeroed();
            let mut control = [0u64; 16];
            let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_name = (&raw mut source).cast();
            message.msg_namelen = size_of::<libc::sockaddr_storage>() as u32;
            message.msg_iov = &raw mut vector;
            message.msg_iovlen = 1;
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = size_of_val(&control);
            let length = libc::recvmsg(self.0.as_raw_fd(), &raw mut message, 0);
            let length = usize::try_from(length).ok()?;
            let mut at = None;
            let mut item = libc::CMSG_FIRSTHDR(&raw const message);
            while !item.is_null() {
                if (*item).cmsg_level == libc::SOL_SOCKET && (*item).cmsg_type == libc::SCM_TIMESTAMPNS {
                    let time: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(item).cast());
                    at = Some(nanos(time));
                }
                item = libc::CMSG_NXTHDR(&raw const message, item);
            }
            Some(Arrival { length, from: address(&source), at: at.unwrap_or_else(wall) })
        }
    }
}

impl AsRawFd for Udp {
    fn as_raw_fd(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

/// Level-triggered readiness.
pub struct Epoll {
    epoll: OwnedFd,
    ready: Vec<libc::epoll_event>,
}

impl Epoll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor is checked and owned at once.
        let epoll = unsafe {
            let descriptor = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if descriptor < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(descriptor)
        };
        Ok(Self { epoll, ready: vec![libc::epoll_event { events: 0, u64: 0 }; 512] })
    }

    pub fn add(&self, descriptor: &impl AsRawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        // SAFETY: `event` lives over the call.
        let done = unsafe {
            let (epoll, descriptor) = (self.epoll.as_raw_fd(), descriptor.as_raw_fd());
            libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, descriptor, &raw mut event)
        };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits at most `millis` (-1: for ever); the tokens that are ready replace those in `tokens`.
    pub fn wait(&mut self, millis: i32, tokens: &mut Vec<u64>) {
        // SAFETY: the kernel writes at most `len` events into `ready`.
        let count = unsafe {
            libc::epoll_wait(self.epoll.as_raw_fd(), self.ready.as_mut_ptr(), self.ready.len() as i32, millis)
        };
        tokens.clear();
        tokens.extend(self.ready.iter().take(usize::try_from(count).unwrap_or(0)).map(|event| event.u64));
    }
}

/// Nanoseconds of the wall clock, which is what the kernel stamps arrivals with.
pub fn wall() -> u64 {
    now(libc::CLOCK_REALTIME)
}

/// Nanoseconds of the steady clock.
pub fn steady() -> u64 {
    now(libc::CLOCK_MONOTONIC)
}

fn now(clock: libc::clockid_t) -> u64 {
    // SAFETY: `time` lives over the call.
    unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(clock, &raw mut time);
        nanos(time)
    }
}

/// Sleeps until the steady clock shows `at`.
pub fn sleep_until(at: u64) {
    let time = libc::timespec { tv_sec: (at / 1_000_000_000) as i64, tv_nsec: (at % 1_000_000_000) as i64 };
    // SAFETY: `time` lives over the call; an interrupted sleep is resumed by the loop.
    unsafe {
        while libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const time, std::ptr::null_mut())
            == libc::EINTR
        {}
    }
}

/// Wakes this thread within a microsecond of what it asked for, not within the usual fifty.
pub fn sleep_exactly() {
    // SAFETY: no pointers.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1000, 0, 0, 0) };
}

/// A network of our own for this process and its children, so that no other program's ports are in
/// the way. Without the right to it (root), everything runs in the machine's network.
pub fn own_network() -> bool {
    // SAFETY: no other thread runs yet; `request` lives over the calls and is large enough for them.
    unsafe {
        if libc::unshare(libc::CLONE_NEWNET) < 0 {
            return false;
        }
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        let up = libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request);
        libc::close(socket);
        up >= 0
    }
}

/// Two sockets a leg need many descriptors.
pub fn raise_file_limit(wanted: u64) -> io::Result<()> {
    // SAFETY: both calls read or write one live rlimit.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        if limit.rlim_cur >= wanted {
            return Ok(());
        }
        limit.rlim_cur = wanted;
        limit.rlim_max = limit.rlim_max.max(wanted);
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) < 0 {
            return Err(io::Error::other(format!("{wanted} open files are needed, the limit is lower (ulimit -n)")));
        }
    }
    Ok(())
}

fn nanos(time: libc::timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn set(socket: &UdpSocket, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `value` lives over the call and `length` is its size.
    let done =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const value).cast(), length) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// # Safety
/// `source` was filled in by the kernel.
unsafe fn address(source: &libc::sockaddr_storage) -> SocketAddr {
    // SAFETY: the family says which of the two the kernel wrote; both fit into the storage.
    unsafe {
        if i32::from(source.ss_family) == libc::AF_INET6 {
            let v6 = &*(&raw const *source).cast::<libc::sockaddr_in6>();
            SocketAddr::new(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr)), u16::from_be(v6.sin6_port))
        } else {
            let v4 = &*(&raw const *source).cast::<libc::sockaddr_in>();
            SocketAddr::from((v4.sin_addr.s_addr.to_ne_bytes(), u16::from_be(v4.sin_port)))
        }
    }
}
