//! A media thread: one loop over the sockets of its legs, the commands, and what is due.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::archive::Order;
use crate::call::{LegId, Prompt};
use crate::media::leg::Leg;
use crate::media::legs::Legs;
use crate::media::poll::{Poll, Waker};
use crate::media::prompt::Playing;
use crate::media::tuning::Tuning;
use crate::media::{Command, Report, rtp};
use crate::time::Mono;

/// Housekeeping comes round every 20 ms for a tenth of the legs, so for each leg every 200 ms.
const TICK: Duration = Duration::from_millis(20);
const ROUND: usize = 10;

/// Larger datagrams are no voice of ours; what is cut off makes the packet unreadable or unknown.
const DATAGRAM: usize = 2048;

const WAKE: u64 = u64::MAX;

/// With so many legs packets come close together, and a real-time thread would be woken for each one:
/// when it was woken twice within `CLOSE` it lets more gather. Measured with 300 calls: a fifth less
/// CPU, for 0.4 ms of delay.
const DENSE: usize = 200;
const CLOSE: Duration = Duration::from_micros(100);
const GATHER: Duration = Duration::from_micros(400);
/// Where all calls are rooms nobody waits for a packet before the next frame is due: so much may gather,
/// which the jitter buffers take for jitter.
const GATHER_FOR_ROOMS: Duration = Duration::from_millis(2);

pub struct Worker {
    pub poll: Poll,
    pub waker: Arc<Waker>,
    pub commands: Receiver<Command>,
    pub reports: Sender<Report>,
    pub orders: SyncSender<Order>,
    pub tuning: Arc<Tuning>,
    pub clock: Instant,
    /// Between two RTCP reports.
    pub report_every: Duration,
    pub patience: Duration,
    pub seed: u64,
    pub legs: Legs,
    /// Reports that did not fit into the channel yet.
    pub waiting: VecDeque<Report>,
    /// The ends of calls that found the recorder's queue full. None may be lost.
    pub held_back: VecDeque<Order>,
}

impl Worker {
    /// Runs until `Stop`, or until nobody can send commands any more.
    pub fn run(mut self) -> io::Result<()> {
        self.poll.add(&*self.waker, WAKE)?;
        let mut inbox = [0; DATAGRAM];
        let mut outbox = [0; DATAGRAM + rtp::HEADER];
        let mut ready = Vec::with_capacity(256);
        let mut tick = self.now();
        let mut phase = 0;
        let mut last_woken = tick;
        loop {
            let woken = self.now();
            if self.legs.are_all_in_rooms() {
                let due = self.legs.next_packet().unwrap_or(woken).since(woken);
                std::thread::sleep(due.min(GATHER_FOR_ROOMS));
            } else if self.legs.len() >= DENSE && woken.since(last_woken) < CLOSE {
                std::thread::sleep(GATHER);
            }
            last_woken = woken;
            let wait = self.wait(tick);
            ready.clear();
            ready.extend(self.poll.wait(wait)?);
            let mut told = false;
            for token in ready.iter().copied() {
                let slot = usize::try_from(token / 2).unwrap_or(usize::MAX);
                match token {
                    WAKE => told = true,
                    token if token % 2 == 0 => self.read_rtp(slot, &mut inbox, &mut outbox),
                    _ => self.read_rtcp(slot, &mut inbox),
                }
            }
            // After the sockets: a slot is not given to a new leg while events of the old one wait.
            if told && self.obey(&mut outbox).is_break() {
                return Ok(());
            }
            let now = self.now();
            self.pace(now, &mut outbox);
            self.legs.mix_rooms(now, &mut outbox);
            if now >= tick {
                self.keep_house(now, phase, &mut outbox);
                phase = (phase + 1) % ROUND;
                tick = (tick + TICK).max(now);
            }
        }
    }

    fn now(&self) -> Mono {
        Mono(u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Milliseconds until something is due.
    fn wait(&self, tick: Mono) -> i32 {
        if self.legs.is_empty() && self.waiting.is_empty() && self.held_back.is_empty() {
            return -1;
        }
        let due = self.legs.next_packet().map_or(tick, |due| due.min(tick));
        let nanos = due.since(self.now()).as_nanos();
        i32::try_from(nanos.div_ceil(1_000_000)).unwrap_or(0)
    }

    fn read_rtp(&mut self, slot: usize, inbox: &mut [u8], outbox: &mut [u8]) {
        let now = self.now();
        let Some(port) = self.legs.port(slot) else { return };
        let Some((datagram, from)) = port.receive(inbox) else { return };
        if rtp::is_rtcp(datagram) {
            return self.heard_rtcp(now, slot, from, true, datagram);
        }
        let Some(spoken) = port.leg.hear(now, from, datagram) else { return };
        let (leg, generation) = (port.leg.id, port.leg.generation());
        let in_voice = self.legs.relay(now, slot, &spoken, outbox);
        if spoken.moved {
            self.report(Report::SourceMoved { leg, generation });
        }
        if spoken.back {
            self.report(Report::Back { leg });
        }
        if let Some(digit) = spoken.key.or(in_voice) {
            self.report(Report::Digit { leg, digit });
        }
    }

    fn read_rtcp(&mut self, slot: usize, inbox: &mut [u8]) {
        let now = self.now();
        let Some(port) = self.legs.port(slot) else { return };
        let Some((datagram, from)) = port.receive_rtcp(inbox) else { return };
        self.heard_rtcp(now, slot, from, false, datagram);
    }

    fn heard_rtcp(&mut self, now: Mono, slot: usize, from: SocketAddr, multiplexed: bool, datagram: &[u8]) {
        let Some(port) = self.legs.port(slot) else { return };
        let leg = port.leg.id;
        let Some(reported) = port.leg.hear_rtcp(now, from, multiplexed, datagram) else { return };
        if let Some(sender) = reported.sender {
            self.legs.sender_report(now, slot, sender);
        }
        if reported.back {
            self.report(Report::Back { leg });
        }
    }

    /// Carries out the commands that wait.
    fn obey(&mut self, outbox: &mut [u8]) -> ControlFlow<()> {
        self.waker.clear();
        loop {
            match self.commands.try_recv() {
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => {
                    for leg in self.legs.ids() {
                        self.close(leg, outbox);
                    }
                    self.hand_over_all();
                    return ControlFlow::Break(());
                }
                Ok(command) => self.carry_out(command, outbox),
                Err(TryRecvError::Empty) => return ControlFlow::Continue(()),
            }
        }
    }

    fn carry_out(&mut self, command: Command, outbox: &mut [u8]) {
        let now = self.now();
        match command {
            Command::Open { leg, call, local } => {
                let random = seeded(self.seed, leg);
                if let Err(error) = self.legs.open(&self.poll, Leg::new(leg, call, now, self.patience, random), local) {
                    self.report(Report::NotOpened { leg, local, error: error.to_string() });
                }
            }
            Command::Agree { leg, media } => self.legs.agree(now, leg, media, self.report_every),
            Command::Play { leg, prompts, repeat, token } => {
                let clips = self.tuning.clips(&prompts);
                let recorded = prompts.iter().any(|prompt| matches!(prompt, Prompt::Briefing { .. }));
                self.legs
                    .play(now, leg, |serial, due| Playing::new(clips, repeat, token, serial, due).recorded(recorded));
            }
            Command::StopPlay { leg } => self.legs.stop_playing(leg),
            Command::Mix { call, citizen, hearings, record } => {
                self.legs.mix(now, call, citizen, hearings, record.then_some(&self.orders));
                self.hand_over();
            }
            Command::Close { leg } => self.close(leg, outbox),
            Command::Seal { call, ended, at } => {
                self.held_back.extend(self.legs.figures_of(call));
                self.legs.end_tap(call);
                self.held_back.extend(self.legs.take_last());
                self.held_back.push_back(Order::Seal { call, ended, at });
                self.hand_over();
            }
            // Taken by `obey`.
            Command::Stop => {}
        }
    }

    fn close(&mut self, leg: LegId, outbox: &mut [u8]) {
        let Some(mut port) = self.legs.close(leg) else { return };
        self.hand_over();
        port.send_report(self.now(), ntp(), self.report_every, true, outbox);
        self.report(Report::Closed { leg, figures: Box::new(port.leg.totals()) });
    }

    /// Sends the prompt packets that are due.
    fn pace(&mut self, now: Mono, outbox: &mut [u8]) {
        while let Some(slot) = self.legs.take_due(now) {
            let Some(port) = self.legs.port(slot) else { continue };
            match port.play_packet(now, outbox) {
                Some(next) => {
                    self.legs.set_due(next, slot);
                    self.legs.tap_prompt(now, slot);
                }
                None => {
                    if let Some(ended) = port.leg.playing.take() {
                        let leg = port.leg.id;
                        self.report(Report::Played { leg, token: ended.token });
                    }
                }
            }
        }
    }

    fn keep_house(&mut self, now: Mono, phase: usize, outbox: &mut [u8]) {
        for slot in self.legs.slots_of_round(phase, ROUND) {
            self.legs.flush_tap(slot);
            let Some(port) = self.legs.port(slot) else { continue };
            let (leg, is_due) = (port.leg.id, port.leg.report_is_due(now));
            if is_due {
                port.send_report(now, ntp(), self.report_every, false, outbox);
            }
            if let Some(since) = port.leg.fell_silent(now, self.tuning.silence()) {
                self.report(Report::Silent { leg, since });
            }
            if let Some(figures) = is_due.then(|| self.legs.totals(slot)).flatten().filter(|_| self.waiting.is_empty())
            {
                // Newer ones follow; the last come with `Closed`.
                let _ = self.reports.try_send(Report::Figures { leg, figures: Box::new(figures) });
            }
        }
        self.send_reports();
        self.hand_over();
    }

    /// Media never waits for the recorder either: what its queue does not take now is tried again in
    /// the next round.
    fn hand_over(&mut self) {
        self.held_back.extend(self.legs.take_last());
        while let Some(order) = self.held_back.pop_front() {
            match self.orders.try_send(order) {
                Ok(()) => {}
                Err(mpsc::TrySendError::Full(order)) => return self.held_back.push_front(order),
                Err(mpsc::TrySendError::Disconnected(_)) => {
                    // Signalling meets the same and raises the alarm.
                    tracing::error!("the recorder has ended");
                    return self.held_back.clear();
                }
            }
        }
    }

    /// At the end there is no next round, and nobody left who would hear the waiting.
    fn hand_over_all(&mut self) {
        self.held_back.extend(self.legs.take_last());
        for order in self.held_back.drain(..) {
            // Fails only once the recorder has ended.
            let _ = self.orders.send(order);
        }
    }

    fn report(&mut self, report: Report) {
        self.waiting.push_back(report);
        self.send_reports();
    }

    /// Media never waits for signalling: what does not fit is sent later, in order.
    fn send_reports(&mut self) {
        while let Some(report) = self.waiting.pop_front() {
            match self.reports.try_send(report) {
                Ok(()) => {}
                Err(TrySendError::Full(report)) => return self.waiting.push_front(report),
                Err(TrySendError::Closed(_)) => return self.waiting.clear(),
            }
        }
    }
}

/// The SSRC and the first numbers of a leg: splitmix64 over the seed and the leg.
fn seeded(seed: u64, leg: LegId) -> impl FnMut() -> u64 {
    let mut state = seed ^ leg.0.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// The wall clock as RTCP has it: 32.32 seconds since 1900.
fn ntp() -> u64 {
    const FROM_1900_TO_1970: u64 = 2_208_988_800;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let fraction = u64::from(since.subsec_nanos()) * (1 << 32) / 1_000_000_000;
    (since.as_secs().wrapping_add(FROM_1900_TO_1970) << 32) | fraction
}
