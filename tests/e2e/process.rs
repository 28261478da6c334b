//! Programs that a test runs: found or named as missing, logged, and gone when the test is.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take that takes milliseconds on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The path of a client program; the test fails where its package is not installed.
pub fn find(program: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from);
    let found =
        std::env::split_paths(&path).chain(usual).map(|folder| folder.join(program)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("`{program}` is missing: apt-get install {package} (these tests never skip a real client)")
    })
}

/// Asks again and again until there is an answer; `what` is what the test was waiting for.
pub fn eventually<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < give_up, "waited {} s in vain: {what}", patience.as_secs());
        std::thread::sleep(Duration::from_millis(15));
    }
}

/// A folder of its own for one server or client; kept, and named, where the test fails.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hotline-e2e-{}-{number}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("temporary folder");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folder");
        fs::write(&path, text).expect("file written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept for you: {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// A running program, killed when dropped. Its output lies in `log`.
pub struct Program {
    child: Child,
    pub log: PathBuf,
}

impl Program {
    pub fn start(command: &mut Command, log: PathBuf, stdin: Stdio) -> Self {
        let out = File::options().create(true).append(true).open(&log).expect("log file");
        let err = out.try_clone().expect("log file");
        // A group of its own: kamailio is many processes.
        command.stdin(stdin).stdout(out).stderr(err).process_group(0);
        // SAFETY: prctl is async-signal-safe. Should the test program itself be killed, so is this one.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log }
    }

    pub fn stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: the child is ours and not yet waited for, so its id is not another's.
        assert_eq!(unsafe { libc::kill(self.id(), signal) }, 0, "kill -{signal} {}", self.id());
    }

    /// `kill -9`, and gone when this returns.
    pub fn kill(&mut self) {
        if !self.has_ended() {
            // SAFETY: the group is the child's, which is not yet waited for.
            unsafe { libc::kill(-self.id(), libc::SIGKILL) };
        }
        let _ = self.child.wait();
    }

    pub fn id(&self) -> libc::pid_t {
        libc::pid_t::try_from(self.child.id()).expect("process id")
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("child").is_some()
    }

    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        eventually("the program ends", patience, || self.child.try_wait().expect("child"))
    }

    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until the program has printed this.
    pub fn wait_for(&mut self, text: &str) {
        let give_up = Instant::now() + PATIENCE;
        while !self.said().contains(text) {
            assert!(!self.has_ended(), "ended before it said `{text}`:\n{}", self.said());
            assert!(Instant::now() < give_up, "never said `{text}`:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(15));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let said = self.said().replace('\r', "\n");
            let lines: Vec<&str> = said.lines().filter(|line| !line.contains("audio=")).collect();
            let tail = lines.get(lines.len().saturating_sub(40)..).unwrap_or_default();
            eprintln!("--- end of {}\n{}", self.log.display(), tail.join("\n"));
        }
    }
}

/// Runs a tool to its end; its output, or a panic with what it complained about.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {}{said}", String::from_utf8_lossy(&output.stderr));
    said
}
