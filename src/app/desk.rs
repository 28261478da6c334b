//! Carries out whatever the exchange wants that is not a SIP message: media, recorder, journal,
//! alarms, figures. Nothing here waits for a disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError as TrySend;

use crate::archive::{Order, RecordingMeta};
use crate::audit::{Audit, Deed, Fact};
use crate::call::mix_plan::Command;
use crate::call::{CallBack, LegId, OpenTicket, Output as Wish, SeatNo};
use crate::exchange::{Input, Output};
use crate::media;
use crate::net::driver::{Carry, Event};
use crate::privacy::Private;
use crate::sip::flow::Flow;
use crate::sip::registrar::WrongPassword;
use crate::store::Store;
use crate::store::entry::{Access, CalledBack, Entry, Leg, LegGone, MarkedInvalid, MarkedResult, SeatChange};
use crate::store::journal::Journal;
use crate::store::sqlite::Sqlite;
use crate::time::Now;

use super::alarms::Alarms;
use super::figures::Figures;
use super::trace::TraceBook;

pub struct Desk {
    pub media: media::Handle,
    pub archive: SyncSender<Order>,
    pub journal: Journal,
    pub audit: Audit,
    pub alarms: Arc<Alarms>,
    pub figures: Arc<Figures>,
    pub trace: TraceBook,
    pub inbox: Sender<Event>,
    pub store: Arc<Sqlite>,
    /// Where look-ups run that the loop does not wait for.
    pub runtime: tokio::runtime::Handle,
    /// Orders that found the recorder's queue full. None may be lost: an unsealed recording would
    /// wait for the next start.
    pub held_back: VecDeque<Order>,
}

/// How a leg is released after a crash, as the journal holds it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Farewell {
    pub listener: u16,
    pub transport: crate::sip::flow::Transport,
    pub remote: std::net::SocketAddr,
    /// The BYE as text; a display name in another charset is of no importance to it.
    pub bye: String,
}

impl Farewell {
    pub fn flow(&self) -> Flow {
        Flow { listener: crate::sip::flow::ListenerId(self.listener), transport: self.transport, remote: self.remote }
    }
}

impl Carry for Desk {
    fn carry(&mut self, now: Now, output: Output) {
        match output {
            // The driver's own business.
            Output::Send { .. } => {}
            // A leg that could not be opened has reported that itself.
            Output::Media(command) => {
                self.media.queue(command);
            }
            Output::Call(wish) => self.carry_wish(now, wish),
            Output::Placed { call, leg, sip_call_id } => self.trace.placed(call, leg, &sip_call_id),
            Output::LegStands { call, leg, flow, bye } => {
                let farewell = Farewell {
                    listener: flow.listener.0,
                    transport: flow.transport,
                    remote: flow.remote,
                    bye: String::from_utf8_lossy(&bye).into_owned(),
                };
                if let Ok(dialog) = serde_json::to_string(&farewell) {
                    self.write(Entry::Leg(Leg { call, leg, at: now.wall, dialog: Private::new(dialog) }));
                }
            }
            Output::LegGone { call, leg } => self.write(Entry::LegGone(LegGone { call, leg })),
            Output::WrongPassword(WrongPassword { source, user, locks }) => {
                let seat = user.as_deref().unwrap_or("unknown");
                tracing::warn!(%source, seat, locked_out = locks, "wrong SIP password");
            }
            Output::Figures { leg, figures, ended } => self.figures.leg(leg, *figures, ended),
        }
    }

    fn rest(&mut self) {
        self.hand_over();
        self.media.wake();
    }
}

impl Desk {
    fn carry_wish(&mut self, now: Now, wish: Wish) {
        match wish {
            Wish::OpenRecording { call, started, hotline, seat, trunk } => {
                let meta = Box::new(RecordingMeta { hotline, seat: seat.0, trunk });
                self.order(Order::Open { call, now, folder_day: started, meta });
            }
            Wish::OpenTicket(ticket) => self.open_ticket(ticket),
            Wish::Mark { call, at, mark } => self.order(Order::Mark { call, at, mark }),
            Wish::SealRecording { call, ended } => self.order(Order::Seal { call, ended, at: now.mono }),
            Wish::CloseCall(record) => {
                self.figures.call_closed(&record);
                self.write(Entry::Closed(record));
            }
            Wish::MarkInvalid { call, reason } => {
                self.write(Entry::Invalid(MarkedInvalid { call, at: now.wall, reason }));
            }
            Wish::MarkResult { call, result } => {
                self.write(Entry::ThreewayResult(MarkedResult { call, at: now.wall, result }));
            }
            Wish::Supervised { call, by, how } => {
                let purpose = format!("supervise: {} by seat {}", how.as_str(), by.0);
                let who = format!("seat {}", by.0);
                let fact = Fact::new(who.clone(), Deed::Supervise, call.to_string());
                self.audit.append(Fact { purpose: purpose.clone(), ..fact }, |_| {});
                self.write(Entry::Access(Access { call, who, purpose, from: None, at: now.wall }));
            }
            Wish::Arrived(arrived) => self.write(Entry::Arrived(arrived)),
            Wish::Missed(missed) => {
                // A call that was refused never had a leg to be placed.
                if missed.was_refused() {
                    self.trace.placed(missed.call, LegId(0), &missed.sip_call_id);
                }
                self.figures.call_missed(&missed);
                self.write(Entry::Missed(missed));
            }
            Wish::SeatChanged { seat, state, reason, at } => {
                self.write(Entry::Seat(SeatChange { seat, state, reason, at }));
            }
            Wish::Alarm { name, subject, active } => self.alarms.set(now.wall, name, &subject, active, None),
            Wish::WantCallback { seat } => self.find_callback(now, seat),
            Wish::CalledBack { task, at, reached } => {
                self.write(Entry::CalledBack(CalledBack { task, at, reached }));
            }
            Wish::DutyCall(duty) => self.write(Entry::Duty(duty)),
            Wish::Note { call, text } => self.trace.note(now.wall, call, text),
            // The exchange carries these out itself.
            Wish::Dial { .. }
            | Wish::Progress { .. }
            | Wish::Answer { .. }
            | Wish::Refuse { .. }
            | Wish::Referred { .. }
            | Wish::HangUp { .. }
            | Wish::Play { .. }
            | Wish::StopPlay { .. }
            | Wish::Mix { .. } => {}
        }
    }

    /// The caller's 200 waits for this entry to be on disk; a failing disk is told at once, so that
    /// the caller is answered all the same (R33).
    fn open_ticket(&self, ticket: Box<OpenTicket>) {
        let (inbox, call) = (self.inbox.clone(), ticket.call);
        self.figures.call_answered(&ticket);
        self.journal.append(Entry::Answered(ticket), move |receipt| {
            let number = receipt.ok().and_then(|receipt| receipt.number);
            let opened = Event::Input(Input::TicketOpened { call, number });
            if let Err(TrySend::Full(opened)) = inbox.try_send(opened)
                && tokio::runtime::Handle::try_current().is_err()
            {
                // The journal's own thread may wait for the loop. A journal that refuses calls back on
                // the loop itself, which must not: there the switchboard's patience ends first (R33).
                let _ = inbox.blocking_send(opened);
            }
        });
    }

    /// The task that waits longest, of those that no other seat is at, goes to this seat; it is told where
    /// there is none.
    fn find_callback(&self, now: Now, seat: SeatNo) {
        let (store, inbox) = (Arc::clone(&self.store), self.inbox.clone());
        self.runtime.spawn(async move {
            let due = store.callbacks(now.wall).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "callbacks");
                Vec::new()
            });
            let due: Vec<CallBack> = due.into_iter().map(|task| task.by(&seat)).collect();
            let found = if due.is_empty() { Input::NobodyDue(seat) } else { Input::CallBack(due) };
            // Fails only once the loop has ended.
            let _ = inbox.send(Event::Input(found)).await;
        });
    }

    fn write(&self, entry: Entry) {
        let figures = Arc::clone(&self.figures);
        // The watch raises the alarm; the journal itself keeps the entry and tries again.
        self.journal.append(entry, move |receipt| {
            if receipt.is_err() {
                figures.journal_errors.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Never waits for the recorder; what its queue does not take now goes with a later order.
    fn order(&mut self, order: Order) {
        self.held_back.push_back(order);
        self.hand_over();
    }

    fn hand_over(&mut self) {
        while let Some(order) = self.held_back.pop_front() {
            // Behind the last that media has heard, but not before the recorder knows of the call.
            if let Order::Seal { call, ended, at } = order
                && self.media.queue(Command::Seal { call, ended, at })
            {
                continue;
            }
            match self.archive.try_send(order) {
                Ok(()) => {}
                Err(TrySendError::Full(order)) => {
                    self.figures.recorder_overflow.fetch_add(1, Ordering::Relaxed);
                    self.held_back.push_front(order);
                    return;
                }
                Err(TrySendError::Disconnected(_)) => {
                    self.alarms.now("recording", "recorder", true, Some("the recorder has ended".to_owned()));
                    return self.held_back.clear();
                }
            }
        }
    }
}
