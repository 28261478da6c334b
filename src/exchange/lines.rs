//! Whether trunks and phones are there. A line is one thing that we ask by ourselves from time to
//! time: a host of a trunk, our registration with a carrier, a phone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::call;
use crate::sip::flow::Flow;
use crate::sip::message::{Request, Response};
use crate::sip::ping::{Ping, PingWish};
use crate::sip::transactions::ClientTx;
use crate::time::{Mono, Now};

use super::carriers::Carrier;
use super::phones::PhoneBook;
use super::settings::FixedPhone;
use super::{Exchange, Output, Owner};

/// So many OPTIONS in a row without an answer mean that nobody is there.
pub(super) const MISSES: u32 = 2;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    /// OPTIONS to one host of a trunk.
    Host(Arc<str>, SocketAddr),
    /// Our registration with a trunk's carrier.
    Registration(Arc<str>),
    /// OPTIONS to where phones have registered from.
    Phone(Flow),
    /// OPTIONS to a phone of fixed address.
    Fixed(FixedPhone),
}

#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) pings: BTreeMap<Line, Ping>,
    pub(super) carriers: BTreeMap<Arc<str>, Carrier>,
    pub(super) phones: PhoneBook,
    /// When each line wants to be woken; one entry a line.
    due: BTreeSet<(Mono, Line)>,
    armed: BTreeMap<Line, Mono>,
    /// Alarms of trunks that stand.
    raised: BTreeSet<(&'static str, String)>,
}

impl Lines {
    pub(super) fn next_timeout(&self) -> Option<Mono> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn watch(&mut self, line: Line, ping: Ping) {
        self.pings.insert(line.clone(), ping);
        self.arm(&line);
    }

    pub(super) fn leave(&mut self, line: &Line) {
        self.pings.remove(line);
        self.arm(line);
    }

    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        self.pings.len() + self.carriers.len()
    }

    pub(super) fn arm(&mut self, line: &Line) {
        let wanted = match line {
            Line::Host(..) | Line::Phone(_) | Line::Fixed(_) => self.pings.get(line).and_then(Ping::next_timeout),
            Line::Registration(name) => self.carriers.get(name).and_then(Carrier::next_timeout),
        };
        let armed = self.armed.get(line).copied();
        if armed == wanted {
            return;
        }
        if let Some(at) = armed {
            self.due.remove(&(at, line.clone()));
        }
        match wanted {
            Some(at) => {
                self.due.insert((at, line.clone()));
                self.armed.insert(line.clone(), at);
            }
            None => {
                self.armed.remove(line);
            }
        }
    }

    fn take_due(&mut self, now: Mono) -> Option<Line> {
        let (at, line) = self.due.first().filter(|(at, _)| *at <= now)?.clone();
        self.due.remove(&(at, line.clone()));
        self.armed.remove(&line);
        Some(line)
    }
}

impl Exchange {
    /// Carriers and phones as the settings want them, from the start or after a reload.
    pub(super) fn start_lines(&mut self, now: Now) {
        self.start_carriers(now);
        self.start_phones(now);
    }

    pub(super) fn on_line_response(&mut self, now: Now, line: Line, tx: ClientTx, response: &Response) {
        if !response.is_final() {
            return;
        }
        self.owners.remove(&tx);
        match &line {
            Line::Registration(name) => self.on_register_response(now, name, tx, response),
            Line::Host(..) | Line::Phone(_) | Line::Fixed(_) => {
                if let Some(ping) = self.lines.pings.get_mut(&line) {
                    ping.answered(now.mono, response);
                }
            }
        }
        self.serve_line(now, &line);
    }

    pub(super) fn on_line_silent(&mut self, now: Now, line: Line, tx: ClientTx) {
        self.owners.remove(&tx);
        match &line {
            Line::Registration(name) => self.on_register_silent(now, name, tx),
            Line::Host(..) | Line::Phone(_) | Line::Fixed(_) => {
                if let Some(ping) = self.lines.pings.get_mut(&line) {
                    ping.missed(now.mono);
                }
            }
        }
        self.serve_line(now, &line);
    }

    pub(super) fn on_line_time(&mut self, now: Now) {
        while let Some(line) = self.lines.take_due(now.mono) {
            match &line {
                Line::Registration(name) => self.on_registration_time(now, name),
                Line::Host(..) | Line::Phone(_) | Line::Fixed(_) => {
                    if let Some(ping) = self.lines.pings.get_mut(&line) {
                        ping.handle_timeout(now.mono);
                    }
                }
            }
            self.serve_line(now, &line);
        }
    }

    /// Does what a line wants, and tells what it found out.
    pub(super) fn serve_line(&mut self, now: Now, line: &Line) {
        match line {
            Line::Registration(name) => self.serve_registration(now, name),
            Line::Host(..) | Line::Phone(_) | Line::Fixed(_) => {
                while let Some(wish) = self.lines.pings.get_mut(line).and_then(Ping::poll) {
                    match (wish, line) {
                        (PingWish::Send(request), Line::Host(name, remote)) => {
                            self.send_to_host(now, name, *remote, line, *request);
                        }
                        (PingWish::Send(request), Line::Phone(flow) | Line::Fixed(FixedPhone { flow, .. })) => {
                            self.send_on(now, line, *flow, *request);
                        }
                        (PingWish::Up | PingWish::Down, Line::Host(name, remote)) => self.on_host(name, *remote),
                        (PingWish::Up, Line::Phone(flow)) => self.on_phone(now, *flow, true),
                        (PingWish::Down, Line::Phone(flow)) => self.on_phone(now, *flow, false),
                        (PingWish::Up | PingWish::Down, Line::Fixed(phone)) => self.on_fixed_phone(now, phone),
                        (PingWish::Send(_) | PingWish::Up | PingWish::Down, Line::Registration(_)) => {}
                    }
                }
            }
        }
        self.lines.arm(line);
    }

    pub(super) fn send_on(&mut self, now: Now, line: &Line, flow: Flow, request: Request) -> Option<ClientTx> {
        let sent_by = self.settings.listener(flow.listener)?.sip_address.to_string();
        let tx = self.transactions.request(now.mono, flow, &sent_by, request);
        self.owners.insert(tx, Owner::Line(line.clone()));
        Some(tx)
    }

    /// Raises or clears an alarm of a trunk, where that is news.
    pub(super) fn alarm(&mut self, name: &'static str, subject: String, active: bool) {
        let key = (name, subject.clone());
        let news = if active { self.lines.raised.insert(key) } else { self.lines.raised.remove(&key) };
        if news {
            self.outputs.push_back(Output::Call(call::Output::Alarm { name, subject, active }));
        }
    }
}
