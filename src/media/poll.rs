//! Waiting for many sockets at once, and being woken: epoll and eventfd.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Readiness of registered descriptors, level-triggered: who reads one packet per event is told
/// again while more wait, and no socket can keep the others waiting.
pub struct Poll {
    epoll: OwnedFd,
    ready: Vec<libc::epoll_event>,
}

/// Wakes a thread that waits in `Poll::wait`.
pub struct Waker(OwnedFd);

impl Poll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor is checked and owned at once.
        let epoll = unsafe { owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))? };
        Ok(Self { epoll, ready: vec![libc::epoll_event { events: 0, u64: 0 }; 256] })
    }

    /// Tells `token` whenever the descriptor can be read. Closing it ends that.
    pub fn add(&self, descriptor: &impl AsRawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        // SAFETY: `event` lives over the call.
        check(unsafe {
            libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, descriptor.as_raw_fd(), &mut event)
        })?;
        Ok(())
    }

    /// Waits at most this many milliseconds (-1: for ever); the tokens that became ready.
    pub fn wait(&mut self, millis: i32) -> io::Result<impl Iterator<Item = u64> + '_> {
        let room = i32::try_from(self.ready.len()).unwrap_or(i32::MAX);
        // SAFETY: the kernel writes at most `room` events into `ready`.
        let count = check(unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), self.ready.as_mut_ptr(), room, millis) });
        let count = match count {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            count => usize::try_from(count?).unwrap_or(0),
        };
        Ok(self.ready.iter().take(count).map(|event| event.u64))
    }
}

impl Waker {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor is checked and owned at once.
        Ok(Self(unsafe { owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))? }))
    }

    pub fn wake(&self) {
        // SAFETY: an eventfd of our own. Failing means that its counter is full: awake already.
        unsafe { libc::eventfd_write(self.0.as_raw_fd(), 1) };
    }

    pub fn clear(&self) {
        let mut count = 0;
        // SAFETY: `count` lives over the call; an empty counter does no harm.
        unsafe { libc::eventfd_read(self.0.as_raw_fd(), &mut count) };
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Marks packets of a socket for expedited forwarding (RFC 4594, DSCP 46), where the system lets us.
pub fn mark_as_voice(socket: &std::net::UdpSocket, is_ipv6: bool) {
    let class: libc::c_int = 46 << 2;
    let (level, option) =
        if is_ipv6 { (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) } else { (libc::IPPROTO_IP, libc::IP_TOS) };
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `class` lives over the call and `length` is its size.
    unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const class).cast(), length) };
}

/// Sets the calling thread's niceness.
pub fn nice_this_thread(nice: i32) {
    // SAFETY: no pointers. On Linux a thread id stands for that thread alone.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, libc::gettid().cast_unsigned(), nice) };
}

/// Lets the calling thread run before every ordinary one (SCHED_FIFO), as root or within RLIMIT_RTPRIO.
pub fn make_this_thread_real_time(priority: i32) -> io::Result<()> {
    let asked = libc::sched_param { sched_priority: priority };
    // SAFETY: `asked` lives over the call. 0 stands for the calling thread.
    check(unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const asked) })?;
    Ok(())
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// # Safety
/// `descriptor` is fresh from the kernel, or negative after a failure.
unsafe fn owned(descriptor: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: checked to be open, and nobody else has it.
    check(descriptor).map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) })
}
