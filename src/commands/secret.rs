//! A password, typed unseen or read from a pipe; never an argument, which every user of the machine can read.

use std::io::{self, BufRead, IsTerminal, Write};
use std::mem::MaybeUninit;

/// One line of the terminal, which does not show it, or of standard input. Err: there is none.
pub fn ask(prompt: &str) -> io::Result<String> {
    let stdin = io::stdin();
    let _unseen = if stdin.is_terminal() {
        let _ = write!(io::stderr(), "{prompt}: ");
        Some(Unseen::begin()?)
    } else {
        None
    };
    let mut line = String::new();
    if stdin.lock().read_line(&mut line)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{prompt}: nothing was typed")));
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The terminal does not echo while this lives.
struct Unseen(libc::termios);

impl Unseen {
    fn begin() -> io::Result<Self> {
        let mut now = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: tcgetattr fills the place that we own, and says so by 0; tcsetattr reads a live one.
        unsafe {
            if libc::tcgetattr(libc::STDIN_FILENO, now.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            let now = now.assume_init();
            let mut unseen = now;
            unseen.c_lflag &= !libc::ECHO;
            if libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &raw const unseen) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Self(now))
        }
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // SAFETY: reads a live termios.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &raw const self.0) };
        let _ = writeln!(io::stderr());
    }
}
