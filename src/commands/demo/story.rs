//! The call that is played: who does what, and what must come of it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};

use crate::app::Server;
use crate::app::secrets::Secrets;
use crate::archive::Sealed;
use crate::call::{SeatAsk, SeatNo, Verb};
use crate::commands::trace::story::{self as trace, Event as Traced};
use crate::exchange::Input;
use crate::media::prompt::{Clip, PromptShelf};
use crate::media::shipped::PROMPTS;
use crate::privacy::mask;
use crate::store::Store;
use crate::store::query::{RecordingQuery, Ticket};
use crate::time::Mono;

use super::house::Addresses;
use super::phone::{Event, Phone};
use super::timeline::Timeline;
use super::voice::spoken_by_another;
use super::{CITIZEN, DIALLED, DemoError, LEADER, SEAT};

/// What a step of the call may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long the seat's phone rings, so that the citizen hears something of the greeting.
const RING: Duration = Duration::from_secs(1);
/// The least time that the announcement of the seat's number takes.
const ANNOUNCED: Duration = Duration::from_secs(1);
/// The number that the citizen reads out and the seat repeats.
const READ_OUT: [&str; 4] = ["digit-8", "digit-6", "digit-4", "digit-2"];

/// What the leader says.
const PROMISED: [&str; 2] = ["digit-8", "digit-6"];

/// One of the three phones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Citizen,
    Seat,
    Leader,
}

impl Who {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Citizen => "the citizen's phone",
            Self::Seat => "the seat's phone",
            Self::Leader => "the leader's phone",
        }
    }
}

/// What the call has left behind.
pub struct Outcome {
    pub ticket: Ticket,
    pub sealed: Sealed,
}

struct News {
    who: Who,
    at: Mono,
    event: Event,
}

struct Play<'a> {
    server: &'a Server,
    timeline: &'a mut Timeline,
    tell: UnboundedSender<News>,
    inbox: UnboundedReceiver<News>,
    /// Events that nobody has waited for yet.
    early: VecDeque<News>,
    /// Its SIP Call-ID, once the citizen has dialled.
    call_id: String,
    answered: Mono,
    trace: PathBuf,
}

/// Plays the call, and waits until its recording is sealed.
pub async fn play(
    server: &Server,
    at: Addresses,
    folder: &Path,
    timeline: &mut Timeline,
) -> Result<Outcome, DemoError> {
    let (tell, inbox) = unbounded_channel();
    let trace = folder.join("trace");
    let mut play = Play {
        server,
        timeline,
        tell,
        inbox,
        early: VecDeque::new(),
        call_id: String::new(),
        answered: Mono::default(),
        trace,
    };
    let seat = play.phone(Who::Seat, SEAT, 0, at).await?;
    let citizen = play.phone(Who::Citizen, CITIZEN, 0, at).await?;
    let leader = play.phone(Who::Leader, LEADER, at.leader.port(), at).await?;
    play.sign_in(&seat, folder).await?;
    play.connect(&citizen, &seat).await?;
    play.call_leader(&leader).await?;
    play.announce().await?;
    play.converse(&citizen, &seat).await?;
    play.hear_leader(&leader).await?;
    play.hang_up(&seat).await?;
    play.outcome().await
}

impl Play<'_> {
    async fn phone(&self, who: Who, user: &str, place: u16, at: Addresses) -> Result<Phone, DemoError> {
        let tell = self.tell.clone();
        // Fails only once the play is over.
        let tell = move |at, event| drop(tell.send(News { who, at, event }));
        Ok(Phone::start(self.server.office.clock, user, place, at.server, tell).await?)
    }

    async fn sign_in(&mut self, seat: &Phone, folder: &Path) -> Result<(), DemoError> {
        let config = &self.server.config;
        let settings = config.seats.iter().find(|row| row.no.0 == SEAT).ok_or(DemoError::NoSeat)?;
        let password = Secrets::open(folder, config)?.password(settings);
        self.say(format!("Seat {SEAT} ({}) switches on a phone. A seat is a person who answers.", settings.name));
        seat.register(&password);
        let at = self.until(Who::Seat, &Event::Registered).await?;
        self.timeline.tell(at, "The phone has registered: it proved its password without sending it.", None);
        Ok(())
    }

    /// From dialling to the answer.
    async fn connect(&mut self, citizen: &Phone, seat: &Phone) -> Result<(), DemoError> {
        self.say(format!("A citizen ({}) dials {DIALLED}, an older number.", mask(CITIZEN)));
        self.call_id = citizen.dial(DIALLED)?;
        let (at, shows) = self.until_rings(Who::Seat).await?;
        let why = self.reason(&[" → "]).await;
        self.timeline.tell(at, format!("The hotline looks {DIALLED} up and queues the call."), why);
        let why = self.reason(&["chosen"]).await;
        self.timeline.tell(at, format!("The phone of seat {SEAT} rings and shows \"{}\".", masked(&shows)), why);
        let at = self.until(Who::Citizen, &Event::Hears).await?;
        self.timeline.tell(at, "Meanwhile the citizen hears the greeting; that costs no waiting time.", None);
        sleep(RING).await;
        seat.answer();
        let at = self.until(Who::Citizen, &Event::Answered).await?;
        self.answered = at;
        let why = self.reason(&["answered"]).await;
        self.timeline.tell(at, format!("Seat {SEAT} picks up; the greeting stops, the recording runs."), why);
        let number = self.ticket_number().await;
        self.say(format!("Ticket {number} is open: it was on disk before the citizen was connected."));
        Ok(())
    }

    async fn announce(&mut self) -> Result<(), DemoError> {
        self.say(format!("The citizen is told who answers: 工号 {SEAT} 为您服务."));
        // Not the silence after the greeting.
        let told = self.answered + ANNOUNCED;
        self.find(Who::Citizen, |news| news.event == Event::Quiet && news.at > told).await?;
        self.forget_sounds();
        Ok(())
    }

    /// Each must hear the other.
    async fn converse(&mut self, citizen: &Phone, seat: &Phone) -> Result<(), DemoError> {
        let voices = Voices::load();
        self.say("The citizen reads out a number: 八六四二.");
        citizen.say(voices.citizen);
        let at = self.until(Who::Seat, &Event::Hears).await?;
        self.timeline.tell(at, "The seat hears the citizen.", None);
        let at = self.until_stage("three_way").await?;
        self.timeline.tell(at, "The leader joins: citizen, seat and leader hear each other.", None);
        self.until(Who::Seat, &Event::Quiet).await?;
        self.forget_sounds();
        self.say("The seat repeats it in another voice.");
        seat.say(voices.seat);
        let at = self.until(Who::Citizen, &Event::Hears).await?;
        self.timeline.tell(at, "The citizen hears the seat.", None);
        self.until(Who::Citizen, &Event::Quiet).await?;
        self.forget_sounds();
        Ok(())
    }

    /// The leader who sits today is rung, and is briefed while the others talk.
    async fn call_leader(&mut self, leader: &Phone) -> Result<(), DemoError> {
        self.say("The seat presses *91: a leader sits today for calls like this one. His telephone rings.");
        let ask = SeatAsk::Talk(Verb::Leader);
        self.server.office.tell(Input::Ask { seat: SeatNo(SEAT.to_owned()), ask }).await;
        self.until_rings(Who::Leader).await?;
        leader.answer();
        let at = self.until(Who::Leader, &Event::Hears).await?;
        let why = self.reason(&["told what the call is about"]).await;
        self.timeline.tell(at, "The leader picks up and hears a short briefing, which nobody else hears.", why);
        Ok(())
    }

    /// He speaks, and leaves again.
    async fn hear_leader(&mut self, leader: &Phone) -> Result<(), DemoError> {
        leader.say(Voices::load().leader);
        let at = self.until(Who::Citizen, &Event::Hears).await?;
        self.until(Who::Seat, &Event::Hears).await?;
        self.timeline.tell(at, "The leader speaks, in a third voice; the citizen and the seat hear him.", None);
        self.until(Who::Leader, &Event::Spoken).await?;
        leader.hang_up();
        let at = self.until_stage("talking").await?;
        self.timeline.tell(at, "The leader hangs up; the citizen and the seat talk on.", None);
        Ok(())
    }

    async fn hang_up(&mut self, seat: &Phone) -> Result<(), DemoError> {
        self.say("The seat hangs up.");
        seat.hang_up();
        let at = self.until(Who::Citizen, &Event::HungUp).await?;
        let why = self.reason(&["ended by"]).await;
        self.timeline.tell(at, "The hotline ends the citizen's call too.", why);
        Ok(())
    }

    /// The ticket with its end, and the recording behind its seal.
    async fn outcome(&mut self) -> Result<Outcome, DemoError> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(outcome) = self.look_up().await? {
                self.say("The recording is sealed: closed, hashed, linked to the ticket.");
                return Ok(outcome);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(DemoError::NoTicket)
    }

    async fn look_up(&self) -> Result<Option<Outcome>, DemoError> {
        let Some(call) = trace::find(&self.trace, &self.call_id)?.and_then(|story| story.call) else { return Ok(None) };
        let store = &self.server.office.store;
        let ticket = store.ticket_of(call).await?.filter(|ticket| ticket.ended.is_some());
        let query = RecordingQuery { call: Some(call), ..RecordingQuery::default() };
        let sealed = store.recordings(&query).await?.rows.into_iter().next().map(|found| found.sealed);
        Ok(ticket.zip(sealed).map(|(ticket, sealed)| Outcome { ticket, sealed }))
    }

    /// As the switchboard shows it: the database may be behind.
    async fn ticket_number(&self) -> String {
        let look = |_, exchange: &crate::exchange::Exchange| {
            exchange.board().calls().into_iter().next().and_then(|call| call.ticket)
        };
        self.server.office.look(look).await.flatten().unwrap_or_default()
    }

    fn say(&mut self, what: impl Into<String>) {
        self.timeline.tell(self.server.office.clock.mono(), what, None);
    }

    /// When it happened. Err: something else ended the call, or it took too long.
    async fn until(&mut self, who: Who, wanted: &Event) -> Result<Mono, DemoError> {
        self.find(who, |news| news.event == *wanted).await.map(|news| news.at)
    }

    async fn until_rings(&mut self, who: Who) -> Result<(Mono, String), DemoError> {
        let news = self.find(who, |news| matches!(news.event, Event::Rings { .. })).await?;
        match news.event {
            Event::Rings { shows } => Ok((news.at, shows)),
            other => Err(DemoError::Unexpected { who, event: other }),
        }
    }

    /// What the switchboard says of the call.
    async fn until_stage(&mut self, stage: &'static str) -> Result<Mono, DemoError> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let look = move |_, exchange: &crate::exchange::Exchange| {
                exchange.board().calls().iter().any(|call| call.stage == stage)
            };
            if self.server.office.look(look).await == Some(true) {
                return Ok(self.server.office.clock.mono());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err(DemoError::Silent(Who::Leader))
    }

    async fn find(&mut self, who: Who, wanted: impl Fn(&News) -> bool) -> Result<News, DemoError> {
        let is_it = |news: &News| news.who == who && wanted(news);
        if let Some(place) = self.early.iter().position(&is_it)
            && let Some(news) = self.early.remove(place)
        {
            return Ok(news);
        }
        let wait = async {
            while let Some(news) = self.inbox.recv().await {
                if is_it(&news) {
                    return Ok(news);
                }
                match news.event {
                    Event::NotRegistered(_) | Event::Refused { .. } | Event::HungUp => {
                        return Err(DemoError::Unexpected { who: news.who, event: news.event });
                    }
                    Event::Registered
                    | Event::Rings { .. }
                    | Event::Proceeding
                    | Event::Answered
                    | Event::Hears
                    | Event::Quiet
                    | Event::Spoken => self.early.push_back(news),
                }
            }
            Err(DemoError::Silent(who))
        };
        timeout(PATIENCE, wait).await.unwrap_or(Err(DemoError::Silent(who)))
    }

    /// What was heard up to here has nothing to do with what comes.
    fn forget_sounds(&mut self) {
        while let Ok(news) = self.inbox.try_recv() {
            self.early.push_back(news);
        }
        self.early.retain(|news| !matches!(news.event, Event::Hears | Event::Quiet));
    }

    /// The server's note on this call that has one of these words; it is written within a tenth of a second.
    async fn reason(&self, words: &[&str]) -> Option<String> {
        for _ in 0..20 {
            let story = trace::find(&self.trace, &self.call_id).ok().flatten();
            let notes = story.into_iter().flat_map(|story| story.events).filter_map(|event| match event {
                Traced::Note { text, .. } => Some(text),
                Traced::Message(_) | Traced::Lost { .. } => None,
            });
            let mut told = notes.filter(|text| words.iter().any(|word| text.contains(word)));
            if let Some(text) = told.next() {
                return Some(text);
            }
            sleep(Duration::from_millis(25)).await;
        }
        None
    }
}

/// A display with the number in it hidden.
fn masked(shows: &str) -> String {
    shows.replace(CITIZEN, &mask(CITIZEN))
}

/// Three persons, made of the words that are shipped.
pub struct Voices {
    pub citizen: Arc<Clip>,
    pub seat: Arc<Clip>,
    pub leader: Arc<Clip>,
}

impl Voices {
    pub fn load() -> Self {
        let shelf = PromptShelf::load(PROMPTS, None);
        let number: Vec<_> = READ_OUT.iter().map(|name| shelf.named(name)).collect();
        let promised: Vec<_> = PROMISED.iter().map(|name| shelf.named(name)).collect();
        Self {
            citizen: spoken_by_another(&number, 13),
            seat: spoken_by_another(&number, 10),
            leader: spoken_by_another(&promised, 8),
        }
    }
}
