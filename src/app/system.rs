//! What is asked of the operating system at the start: a thread's priority, chance, open files.

use std::io;
use std::thread::JoinHandle;

use super::failed;

/// A thread that keeps the priority of now until it is sent what its work needs.
pub(super) fn at_this_priority<S: Send + 'static, T: Send + 'static>(
    work: impl FnOnce(S) -> io::Result<T> + Send + 'static,
) -> io::Result<(std::sync::mpsc::Sender<S>, JoinHandle<io::Result<T>>)> {
    let (give, given) = std::sync::mpsc::channel();
    let wait = move || work(given.recv().map_err(io::Error::other)?);
    Ok((give, std::thread::Builder::new().name("start".into()).spawn(wait)?))
}

/// Random bytes of the operating system.
pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other).map_err(failed("no random numbers"))?;
    Ok(bytes)
}

/// Every leg takes two descriptors, every recording one or two.
pub(super) fn raise_file_limit(wanted: u64) -> io::Result<()> {
    // SAFETY: both calls read or write one live rlimit.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) < 0 {
            return Err(failed("cannot read the limit of open files")(io::Error::last_os_error()));
        }
        if limit.rlim_cur < wanted {
            limit.rlim_max = limit.rlim_max.max(wanted);
            limit.rlim_cur = wanted;
            if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) < 0 {
                return Err(io::Error::other(format!(
                    "the RTP port range needs {wanted} open files, and the limit is lower (ulimit -n)"
                )));
            }
        }
    }
    Ok(())
}
