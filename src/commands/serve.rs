//! `hotline serve`: runs the hotline until it is told to stop.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::client::complain;
use crate::app::{Options, Server, StartError};
use crate::audit::{Deed, Fact};
use crate::config::Fault;
use crate::exchange::Input;
use crate::media;

/// Runs the hotline. SIGTERM drains: no new calls, live ones go on; a second SIGTERM ends them.
/// SIGHUP reads the configuration again.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder with sip-configs/ and dialplan/; without it the embedded example runs.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Folder for everything that is written at run time.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Folder for the recordings, if they are not to lie in the data folder.
    #[arg(long, value_name = "DIR")]
    recordings: Option<PathBuf>,
    /// Log lines, and what stands in the way of a start, as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> ExitCode {
    super::keep_files_private();
    let json = args.json;
    start_logging(json);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        // Media threads keep the normal priority; a busy page must not be heard.
        .on_thread_start(media::lower_priority_of_this_thread)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(json, &StartError::Io(error)),
    };
    let options = Options { config: args.config, data: args.data, recordings: args.recordings };
    match runtime.block_on(serve(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(json, &error),
    }
}

async fn serve(options: Options) -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let server = Server::start(options).await?;
    announce(&server);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => match reload(&server).await {
                Ok(made) => tracing::info!(passwords_made = made.join(", "), "configuration read again"),
                Err(StartError::Config(faults)) => {
                    faults.iter().for_each(|fault| tracing::error!(%fault, "configuration not changed"));
                }
                Err(error) => tracing::error!(%error, "configuration not changed"),
            },
        }
    }
    drain(&server, &mut terminate, &mut interrupt).await;
    server.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Nobody waits for its row: whoever can send the signal can do more.
async fn reload(server: &Server) -> Result<Vec<String>, StartError> {
    let fact = Fact::new("machine:SIGHUP".to_owned(), Deed::Reload, "configuration".to_owned());
    server.office.audit.append(fact, |_| {});
    server.office.reload().await
}

/// Waits until the last call has ended by itself, or somebody insists.
async fn drain(server: &Server, terminate: &mut Signal, interrupt: &mut Signal) {
    server.office.drain();
    server.office.tell(Input::Drain).await;
    let mut every = tokio::time::interval(Duration::from_millis(200));
    loop {
        let live = server.live_calls().await;
        if live == 0 {
            return;
        }
        tracing::info!(live, "draining: a second SIGTERM or Ctrl-C ends the live calls");
        tokio::select! {
            _ = terminate.recv() => return,
            _ = interrupt.recv() => return,
            () = quiet(server, &mut every) => {}
        }
    }
}

/// Returns when the number of live calls has changed.
async fn quiet(server: &Server, every: &mut tokio::time::Interval) {
    let before = server.live_calls().await;
    loop {
        every.tick().await;
        if server.live_calls().await != before {
            return;
        }
    }
}

/// What an operator wants to know at once; new passwords are shown this once.
fn announce(server: &Server) {
    for listen in &server.config.listens {
        println!("SIP {} on {} ({})", listen.transport.param_name(), listen.bind, listen.name);
    }
    println!("API on http://{}", server.office.http);
    if !server.fresh.is_empty() {
        println!("Made at this first start, kept in {}:", server.office.options.data.join("secrets.toml").display());
        for (what, secret) in &server.fresh {
            println!("  {what}: {secret}");
        }
    }
    println!("12345 is ready.");
}

fn start_logging(json: bool) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("HOTLINE_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if json {
        builder.json().init();
    } else {
        builder.init();
    }
}

/// The faults of a configuration stand alone, a line each.
fn fail(json: bool, error: &StartError) -> ExitCode {
    let (code, text) = match error {
        StartError::Config(faults) => ("config", faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")),
        StartError::Io(_)
        | StartError::Lock(_)
        | StartError::Journal(_)
        | StartError::Audit(_)
        | StartError::Store(_)
        | StartError::Keys(_) => ("start", format!("hotline: {error}")),
    };
    complain(json, code, &text);
    ExitCode::FAILURE
}
