//! What came of leaders' sessions (R27), from the tickets of their calls.

use super::query::{Page, PageAsk, Span, Ticket, TicketQuery, TicketState};
use super::{Store, StoreError};
use crate::call::directory::{Level, Mode};
use crate::call::{LeaderCall, Participant, Role};

/// A leader and one of his sessions.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SessionReport {
    /// `951@2026-12-01T09:00:00`: code and start.
    pub session: String,
    /// Code of the leader's entry.
    pub leader: String,
    pub name: String,
    /// 职务
    pub post: String,
    pub level: Level,
    pub topic: String,
    pub mode: Mode,
    /// Calls for which he was rung.
    pub rung: u64,
    /// Calls that he took.
    pub taken: u64,
    /// How long he was on the line in all, milliseconds.
    pub on_the_line_ms: u64,
    /// Of the calls that he took, in the order of their answer.
    pub tickets: Vec<String>,
    /// Of these, closed as answered on the spot (R23).
    pub resolved: u64,
    /// Of these, given to a unit.
    pub dispatched: u64,
}

/// The sessions of all calls of a span, by the time of their answer; ordered by session.
pub async fn sessions<S: Store>(store: &S, span: Span) -> Result<Vec<SessionReport>, StoreError> {
    let mut tickets = Vec::new();
    let mut page = PageAsk { rows: PageAsk::MOST, after: None };
    loop {
        let Page { rows, next } =
            store.tickets(&TicketQuery { span, led: true, page, ..TicketQuery::default() }).await?;
        tickets.extend(rows);
        match next {
            Some(_) => page.after = next,
            None => break,
        }
    }
    tickets.reverse();
    Ok(report(&tickets))
}

/// What these tickets, the oldest first, say of sessions.
pub fn report(tickets: &[Ticket]) -> Vec<SessionReport> {
    let mut sessions: Vec<SessionReport> = Vec::new();
    for ticket in tickets {
        let Some(ended) = &ticket.ended else { continue };
        for call in &ended.leaders {
            let at = sessions.iter().position(|session| session.session == call.session).unwrap_or(sessions.len());
            if at == sessions.len() {
                sessions.push(SessionReport::of(call));
            }
            if let Some(session) = sessions.get_mut(at) {
                session.count(ticket, call, &ended.participants);
            }
        }
    }
    sessions.sort_by(|one, other| one.session.cmp(&other.session));
    sessions
}

impl SessionReport {
    /// Before its first call.
    pub fn of(call: &LeaderCall) -> Self {
        Self {
            session: call.session.clone(),
            leader: call.leader.clone(),
            name: call.name.clone(),
            post: call.post.clone(),
            level: call.level,
            topic: call.topic.clone(),
            mode: call.mode,
            rung: 0,
            taken: 0,
            on_the_line_ms: 0,
            tickets: Vec::new(),
            resolved: 0,
            dispatched: 0,
        }
    }

    fn count(&mut self, ticket: &Ticket, call: &LeaderCall, participants: &[Participant]) {
        self.rung = self.rung.saturating_add(1);
        // He may be brought into the same call twice.
        if !call.is_taken() || self.tickets.contains(&ticket.number) {
            return;
        }
        self.taken = self.taken.saturating_add(1);
        self.tickets.push(ticket.number.clone());
        let is_he = |who: &&Participant| who.party.role == Role::Leader && who.party.number == self.leader;
        let stayed = |who: &Participant| {
            let left = who.left.unwrap_or(who.joined);
            u64::try_from(left.0.saturating_sub(who.joined.0)).unwrap_or(0)
        };
        let on_the_line = participants.iter().filter(is_he).map(stayed).fold(0, u64::saturating_add);
        self.on_the_line_ms = self.on_the_line_ms.saturating_add(on_the_line);
        match ticket.state {
            TicketState::ClosedOnCall => self.resolved = self.resolved.saturating_add(1),
            // Neither closed on the spot nor dispatched as yet.
            TicketState::Drafting | TicketState::Invalid => {}
        }
    }
}
