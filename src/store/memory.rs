//! The tables in memory: for tests, and the plainest statement of what each entry does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entry::{Access, AlarmChange, CalledBack, Entry, Handover, Record, RecordingFailed, SeatChange, TicketEdit};
use super::find::{FindQuery, Finding, Found, Known};
use super::numbering::{Number, Numbering};
use super::query::{
    Alarm, CallbackTask, Counts, Cursor, Emergency, MissedQuery, Page, PageAsk, Recording, RecordingQuery,
    RecordingState, SetAside, Span, Ticket, TicketQuery, TicketState, ToList, Unlisted,
};
use super::reconcile::Held;
use super::{Store, StoreError};
use crate::archive::shelf::Condition;
use crate::archive::{Sealed, Verdict};
use crate::call::{CallId, CallRecord, DutyCall, MissedCall, OpenTicket, SeatNo, ThreewayResult};
use crate::privacy::Private;
use crate::rules::callback;
use crate::time::Wall;

#[derive(Default)]
pub struct Memory {
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    positions: BTreeMap<String, u64>,
    tickets: BTreeMap<CallId, Ticket>,
    edits: BTreeMap<String, bool>,
    missed: BTreeMap<CallId, MissedCall>,
    callbacks: Vec<CallbackTask>,
    sealed: Vec<Sealed>,
    failures: Vec<RecordingFailed>,
    /// By manifests: recordings, and failures with their time.
    listed: BTreeSet<CallId>,
    listed_failures: BTreeSet<(CallId, Wall)>,
    checks: BTreeMap<CallId, (Wall, Condition)>,
    seats: Vec<SeatChange>,
    alarms: Vec<Alarm>,
    accesses: Vec<Access>,
    set_aside: Vec<SetAside>,
    duties: BTreeMap<CallId, DutyCall>,
    handovers: BTreeMap<String, Handover>,
}

impl Store for Memory {
    async fn position(&self, journal: &str) -> Result<u64, StoreError> {
        Ok(self.tables().position(journal))
    }

    async fn apply(&self, journal: &str, after: u64, records: &[Arc<Record>], upto: u64) -> Result<usize, StoreError> {
        let mut tables = self.tables();
        let position = tables.position(journal);
        if position != after {
            return Err(StoreError::Moved { position });
        }
        let before = tables.set_aside.len();
        for record in records {
            tables.carry_out(journal, record);
        }
        tables.positions.insert(journal.to_owned(), upto);
        Ok(tables.set_aside.len() - before)
    }

    async fn rewind(&self, journal: &str, to: u64) -> Result<(), StoreError> {
        self.tables().positions.insert(journal.to_owned(), to);
        Ok(())
    }

    async fn numbers(&self) -> Result<Vec<Number>, StoreError> {
        let mut numbering = Numbering::default();
        let tables = self.tables();
        tables.tickets.values().filter_map(|ticket| ticket.number.parse().ok()).for_each(|n| numbering.given(&n));
        Ok(numbering.greatest())
    }

    async fn ticket(&self, number: &str) -> Result<Option<Ticket>, StoreError> {
        let tables = self.tables();
        let found = tables.tickets.values().find(|ticket| ticket.number == number);
        Ok(found.map(|ticket| tables.shown(ticket)))
    }

    async fn ticket_of(&self, call: CallId) -> Result<Option<Ticket>, StoreError> {
        let tables = self.tables();
        Ok(tables.tickets.get(&call).map(|ticket| tables.shown(ticket)))
    }

    async fn tickets(&self, query: &TicketQuery) -> Result<Page<Ticket>, StoreError> {
        let tables = self.tables();
        let wanted = |ticket: &&Ticket| {
            let opened = &ticket.opened;
            query.span.holds(opened.t_answer)
                && query.caller.as_ref().is_none_or(|caller| opened.caller.key() == Some(caller))
                && query.seat.as_ref().is_none_or(|seat| opened.seat == *seat)
                && query.centre.as_ref().is_none_or(|centre| opened.centre == *centre)
                && query.original_code.as_ref().is_none_or(|code| opened.original_code == *code)
                && query.state.is_none_or(|state| ticket.state == state)
                && (!query.led || ticket.ended.as_ref().is_some_and(|ended| !ended.leaders.is_empty()))
        };
        let rows = tables.tickets.values().filter(wanted).map(|ticket| tables.shown(ticket)).collect();
        Ok(paged(rows, &query.page, Ticket::cursor))
    }

    async fn edit_outcome(&self, edit: &str) -> Result<Option<bool>, StoreError> {
        Ok(self.tables().edits.get(edit).copied())
    }

    async fn missed(&self, query: &MissedQuery) -> Result<Page<MissedCall>, StoreError> {
        let tables = self.tables();
        let wanted = |missed: &&MissedCall| {
            query.span.holds(missed.t_arrive)
                && query.caller.as_ref().is_none_or(|caller| missed.caller.key() == Some(caller))
                && query.centre.as_ref().is_none_or(|centre| missed.centre.as_ref() == Some(centre))
        };
        let rows = tables.missed.values().filter(wanted).cloned().collect();
        Ok(paged(rows, &query.page, |missed| Cursor { at: missed.t_arrive, call: missed.call }))
    }

    async fn callbacks(&self, now: Wall) -> Result<Vec<CallbackTask>, StoreError> {
        let mut due: Vec<_> = self.tables().callbacks.iter().filter(|task| task.state.is_due(now)).cloned().collect();
        due.sort_by_key(|task| (task.state.first_missed, task.task));
        Ok(due)
    }

    async fn callbacks_of(&self, caller: &str) -> Result<Vec<CallbackTask>, StoreError> {
        let tables = self.tables();
        let mut tasks: Vec<_> =
            tables.callbacks.iter().filter(|task| task.caller.reveal() == caller).cloned().collect();
        tasks.sort_by_key(|task| std::cmp::Reverse((task.state.first_missed, task.task)));
        Ok(tasks)
    }

    async fn recordings(&self, query: &RecordingQuery) -> Result<Page<Recording>, StoreError> {
        let tables = self.tables();
        let ticket_call =
            |number: &String| tables.tickets.values().find(|ticket| ticket.number == *number).map(|ticket| ticket.call);
        let is_of_ticket = |number: &String, call: CallId| {
            let for_it = tables.duties.get(&call).is_some_and(|duty| duty.ticket == *number);
            for_it || ticket_call(number) == Some(call)
        };
        let centre_of = |call: CallId| {
            let of = tables.duties.get(&call).map_or(Some(call), |duty| ticket_call(&duty.ticket));
            of.and_then(|call| tables.tickets.values().find(|ticket| ticket.call == call))
                .map(|ticket| ticket.opened.centre.clone())
        };
        let wanted = |one: &Recording| {
            query.span.holds(one.sealed.started)
                && query.call.is_none_or(|call| one.sealed.call == call)
                && query.ticket.as_ref().is_none_or(|number| is_of_ticket(number, one.sealed.call))
                && query.centre.as_ref().is_none_or(|centre| centre_of(one.sealed.call).as_ref() == Some(centre))
                && (!query.quarantined || one.is_quarantined())
        };
        let rows = tables.sealed.iter().map(|sealed| tables.checked(sealed)).filter(wanted).collect();
        Ok(paged(rows, &query.page, |one| Cursor { at: one.sealed.started, call: one.sealed.call }))
    }

    async fn find(&self, query: &FindQuery) -> Result<Page<Found>, StoreError> {
        let tables = self.tables();
        let rows = tables.sealed.iter().filter_map(|sealed| tables.found(sealed, query)).collect();
        Ok(paged(rows, &query.page, Found::cursor))
    }

    async fn to_verify(&self, before: Wall, most: u32) -> Result<Vec<Sealed>, StoreError> {
        let tables = self.tables();
        let checked = |sealed: &Sealed| tables.checks.get(&sealed.call).map_or(Wall(0), |(at, _)| *at);
        let mut due: Vec<Sealed> = tables.sealed.iter().filter(|sealed| checked(sealed) < before).cloned().collect();
        due.sort_by_key(|sealed| (checked(sealed), sealed.started, sealed.call));
        due.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(due)
    }

    async fn unlisted(&self, wanted: Unlisted, most: usize) -> Result<Vec<ToList>, StoreError> {
        let tables = self.tables();
        let ticket = |call: CallId| {
            let own = tables.tickets.get(&call).map(|ticket| ticket.number.clone());
            own.or_else(|| tables.duties.get(&call).map(|duty| duty.ticket.clone()))
        };
        let open = |sealed: &&Sealed| {
            !tables.listed.contains(&sealed.call) && wanted.holds(sealed.sealed_at.unwrap_or(sealed.ended))
        };
        let to_list = |sealed: &Sealed| ToList { sealed: sealed.clone(), ticket: ticket(sealed.call) };
        let mut rows: Vec<ToList> = tables.sealed.iter().filter(open).map(to_list).collect();
        rows.sort_by(|one, other| one.sealed.path.as_os_str().cmp(other.sealed.path.as_os_str()));
        rows.truncate(most);
        Ok(rows)
    }

    async fn unlisted_failures(&self, wanted: Unlisted, most: usize) -> Result<Vec<RecordingFailed>, StoreError> {
        let tables = self.tables();
        let open = |failed: &&RecordingFailed| {
            !tables.listed_failures.contains(&(failed.call, failed.at)) && wanted.holds(failed.at)
        };
        let mut rows: Vec<RecordingFailed> = tables.failures.iter().filter(open).cloned().collect();
        rows.sort_by_key(|failed| (failed.at, failed.call));
        rows.truncate(most);
        Ok(rows)
    }

    async fn held(&self, span: Span, settled: Wall) -> Result<Vec<Held>, StoreError> {
        let tables = self.tables();
        let recorded = |call: CallId| tables.sealed.iter().any(|sealed| sealed.call == call);
        let failed = |call: CallId| tables.failures.iter().any(|failed| failed.call == call);
        let of = |call, ticket, ended: Option<Wall>| Held {
            call,
            answered: true,
            ticket,
            recording: recorded(call),
            failure: failed(call),
            running: ended.is_none_or(|ended| ended > settled),
        };
        let calls = tables.tickets.values().filter(|ticket| span.holds(ticket.opened.t_answer));
        let calls = calls.map(|ticket| of(ticket.call, true, ticket.ended.as_ref().map(|ended| ended.t_end)));
        let known = |number: &str| tables.tickets.values().any(|ticket| ticket.number == number);
        let duties = tables.duties.values().filter(|duty| duty.answered.is_some_and(|at| span.holds(at)));
        let duties = duties.map(|duty| of(duty.call, known(&duty.ticket), duty.ended));
        let strange = |sealed: &&Sealed| {
            let call = &sealed.call;
            span.holds(sealed.started) && !tables.tickets.contains_key(call) && !tables.duties.contains_key(call)
        };
        let strangers = tables.sealed.iter().filter(strange);
        let strangers =
            strangers.map(|sealed| Held { answered: false, running: false, ..of(sealed.call, false, None) });
        let mut all: Vec<Held> = calls.chain(duties).chain(strangers).collect();
        all.sort_by_key(|held| held.call);
        Ok(all)
    }

    async fn accesses(&self, call: CallId) -> Result<Vec<Access>, StoreError> {
        let mut rows: Vec<_> = self.tables().accesses.iter().filter(|access| access.call == call).cloned().collect();
        rows.sort_by_key(|access| access.at);
        Ok(rows)
    }

    async fn seat_history(&self, seat: &SeatNo, span: Span) -> Result<Vec<SeatChange>, StoreError> {
        let tables = self.tables();
        let wanted = |change: &&SeatChange| change.seat == *seat && span.holds(change.at);
        let mut rows: Vec<_> = tables.seats.iter().filter(wanted).cloned().collect();
        rows.sort_by_key(|change| change.at);
        Ok(rows)
    }

    async fn alarms(&self, span: Span) -> Result<Vec<Alarm>, StoreError> {
        let tables = self.tables();
        let wanted =
            |alarm: &&Alarm| alarm.raised < span.until && alarm.cleared.is_none_or(|cleared| cleared >= span.from);
        let mut rows: Vec<_> = tables.alarms.iter().filter(wanted).cloned().collect();
        rows.sort_by(|one, other| other.raised.cmp(&one.raised).then_with(|| one.name.cmp(&other.name)));
        Ok(rows)
    }

    async fn counts(&self, span: Span) -> Result<Counts, StoreError> {
        let tables = self.tables();
        let mut counts = Counts::default();
        let offered = |ticket: &&Ticket| ticket.opened.kind.is_offered() && span.holds(ticket.opened.t_arrive);
        for ticket in tables.tickets.values().filter(offered) {
            counts.offered += 1;
            counts.answered += 1;
            counts.within_15s += u64::from(ticket.opened.within_15s);
        }
        let known = |missed: &&MissedCall| missed.original_code.is_some() && span.holds(missed.t_arrive);
        counts.offered += u64::try_from(tables.missed.values().filter(known).count()).unwrap_or(u64::MAX);
        Ok(counts)
    }

    async fn set_aside(&self) -> Result<Vec<SetAside>, StoreError> {
        Ok(self.tables().set_aside.clone())
    }
}

impl Memory {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn position(&self, journal: &str) -> u64 {
        self.positions.get(journal).copied().unwrap_or(0)
    }

    fn shown(&self, ticket: &Ticket) -> Ticket {
        let verdicts: Vec<Verdict> =
            self.sealed.iter().filter(|sealed| sealed.call == ticket.call).map(|sealed| sealed.verdict).collect();
        let failed = self.failures.iter().any(|failed| failed.call == ticket.call);
        let recording = RecordingState::of(&verdicts, failed, ticket.ended.is_some());
        let of_ticket = |duty: &&DutyCall| duty.ticket == ticket.number;
        let emergency = ticket.emergency.as_ref().map(|marked| {
            let calls = self.duties.values().filter(of_ticket).cloned().collect();
            let handover = self.handovers.get(&ticket.number).cloned();
            Emergency::new(marked.category, ticket.opened.t_answer, calls, handover)
        });
        Ticket { recording, emergency, ..ticket.clone() }
    }

    fn checked(&self, sealed: &Sealed) -> Recording {
        let (checked, condition) = self.checks.get(&sealed.call).copied().unzip();
        Recording { sealed: sealed.clone(), checked, condition }
    }

    /// None: not what is asked for.
    fn found(&self, sealed: &Sealed, query: &FindQuery) -> Option<Found> {
        let duty = self.duties.get(&sealed.call);
        let ticket = match duty {
            Some(duty) => self.tickets.values().find(|ticket| ticket.number == duty.ticket),
            None => self.tickets.get(&sealed.call),
        };
        let private =
            |text: Option<&Option<Private<String>>>| text.and_then(Option::as_ref).map(Private::reveal).cloned();
        let (site, text) = (private(ticket.map(|ticket| &ticket.place)), private(ticket.map(|ticket| &ticket.text)));
        let known = Known {
            opened: ticket.map(|ticket| &ticket.opened),
            ended: ticket.and_then(|ticket| ticket.ended.as_ref()),
            duty,
            ticket: ticket.map(|ticket| &*ticket.number).or(duty.map(|duty| &*duty.ticket)),
            site: site.as_deref(),
            text: text.as_deref(),
        };
        let (finding, recording) = (Finding::of(sealed, &known), self.checked(sealed));
        let wanted = query.span.holds(sealed.started)
            && (!query.quarantined || recording.is_quarantined())
            && query.wants(&finding);
        let Finding { ticket, caller, code, centre, seat, .. } = finding;
        wanted.then_some(Found { recording, ticket, caller, code, centre, seat })
    }

    fn carry_out(&mut self, journal: &str, record: &Record) {
        match &record.entry {
            Entry::Answered(opened) => self.answered(record.number.as_deref(), opened),
            Entry::Closed(ended) => self.closed(record.number.as_deref(), ended),
            Entry::Missed(missed) => self.missed(missed),
            Entry::Invalid(marked) => self.invalid(marked.call, &marked.reason),
            Entry::ThreewayResult(marked) => self.threeway_result(marked.call, marked.result),
            Entry::Sealed(sealed) => {
                self.sealed.retain(|other| other.path != sealed.path);
                self.sealed.push((**sealed).clone());
            }
            Entry::RecordingFailed(failed) => {
                if !self.failures.iter().any(|other| (other.call, other.at) == (failed.call, failed.at)) {
                    self.failures.push(failed.clone());
                }
            }
            Entry::Verified(verified) => {
                let known = self.sealed.iter().any(|sealed| sealed.call == verified.call);
                let older = self.checks.get(&verified.call).is_none_or(|(at, _)| *at <= verified.at);
                if known && older {
                    self.checks.insert(verified.call, (verified.at, verified.condition));
                }
            }
            Entry::Seat(change) => {
                let same = |other: &SeatChange| {
                    (&other.seat, other.at, other.state) == (&change.seat, change.at, change.state)
                };
                if !self.seats.iter().any(same) {
                    self.seats.push(change.clone());
                }
            }
            Entry::Alarm(change) => self.alarm(change),
            Entry::Access(access) => {
                if !self.accesses.contains(access) {
                    self.accesses.push(access.clone());
                }
            }
            Entry::Edit(edit) => self.edit(edit),
            Entry::CalledBack(called) => self.called_back(called),
            Entry::Duty(duty) => {
                self.duties.insert(duty.call, (**duty).clone());
            }
            Entry::Handover(handover) => {
                self.handovers.entry(handover.ticket.clone()).or_insert_with(|| handover.clone());
            }
            Entry::Listed(listed) => {
                let known = |call: &&CallId| self.sealed.iter().any(|sealed| sealed.call == **call);
                self.listed.extend(listed.calls.iter().filter(known));
                self.listed_failures.extend(&listed.failures);
            }
            Entry::Foreign(raw) => {
                let why = format!("written by a newer program (version {})", record.v);
                let (journal, raw) = (journal.to_owned(), raw.clone());
                self.set_aside.retain(|other| (&other.journal, other.seq) != (&journal, record.seq));
                self.set_aside.push(SetAside { journal, seq: record.seq, why, raw });
            }
            // Only the database keeps what the archive decides.
            Entry::Arrived(_) | Entry::Leg(_) | Entry::LegGone(_) | Entry::Keeping(_) => {}
        }
    }

    fn answered(&mut self, number: Option<&str>, opened: &OpenTicket) {
        let Some(number) = number.filter(|_| !self.tickets.contains_key(&opened.call)) else {
            return;
        };
        let taken = self.tickets.values().any(|ticket| ticket.number == number);
        let number = if taken { super::apply::doubled(number, opened.call) } else { number.to_owned() };
        let ticket = Ticket {
            number,
            call: opened.call,
            state: TicketState::Drafting,
            kind: None,
            place: None,
            text: None,
            version: 1,
            invalid: None,
            threeway_result: None,
            recording: RecordingState::Running,
            emergency: None,
            opened: opened.clone(),
            ended: None,
        };
        self.tickets.insert(opened.call, ticket);
        if let Some(caller) = opened.caller.key() {
            for task in self.callbacks.iter_mut().filter(|task| task.caller == *caller) {
                task.state = callback::answered(task.state.clone(), opened.t_answer);
            }
        }
    }

    fn closed(&mut self, number: Option<&str>, record: &CallRecord) {
        self.answered(number, &record.opened);
        if let Some(ticket) = self.tickets.get_mut(&record.opened.call) {
            ticket.ended.get_or_insert_with(|| record.ended.clone());
            if !record.ended.leaders.is_empty() {
                ticket.opened.clone_from(&record.opened);
            }
        }
        if let Some(result) = record.threeway_result {
            self.threeway_result(record.opened.call, result);
        }
        if let Some(why) = &record.invalid {
            self.invalid(record.opened.call, why);
        }
    }

    fn threeway_result(&mut self, call: CallId, result: ThreewayResult) {
        if let Some(ticket) = self.tickets.get_mut(&call) {
            ticket.threeway_result = Some(result);
            if ticket.invalid.is_none() {
                ticket.state = TicketState::after_threeway(result);
            }
        }
    }

    fn invalid(&mut self, call: CallId, why: &str) {
        if let Some(ticket) = self.tickets.get_mut(&call).filter(|ticket| ticket.invalid.is_none()) {
            ticket.state = TicketState::Invalid;
            ticket.invalid = Some(why.to_owned());
        }
    }

    fn missed(&mut self, missed: &MissedCall) {
        if self.missed.contains_key(&missed.call) {
            return;
        }
        self.missed.insert(missed.call, missed.clone());
        let number = missed.caller.key().map(|number| number.reveal().as_str());
        let owed = callback::is_owed(number, missed.original_code.is_some());
        let Some(caller) = missed.caller.key().filter(|_| owed) else {
            return;
        };
        let of_caller = self.tickets.values().filter(|ticket| ticket.opened.caller.key() == Some(caller));
        let last_answered = of_caller.map(|ticket| ticket.opened.t_answer).max();
        let open = self.callbacks.iter_mut().find(|task| task.caller == *caller && task.state.closed.is_none());
        let state = callback::missed(open.as_ref().map(|task| task.state.clone()), last_answered, missed.t_end);
        let row = self.missed.get_mut(&missed.call);
        if let (Some(row), Some(_)) = (row, &state) {
            row.callback_task = Some(open.as_ref().map_or(missed.call, |task| task.task));
        }
        match (open, state) {
            (Some(task), Some(state)) => task.state = state,
            (None, Some(state)) => {
                self.callbacks.push(CallbackTask {
                    task: missed.call,
                    caller: caller.clone(),
                    code: missed.original_code.clone().unwrap_or_default(),
                    state,
                });
            }
            (_, None) => {}
        }
    }

    fn called_back(&mut self, called: &CalledBack) {
        for task in self.callbacks.iter_mut().filter(|task| task.task == called.task) {
            task.state = callback::tried(task.state.clone(), called.at, called.reached);
        }
    }

    fn edit(&mut self, edit: &TicketEdit) {
        if self.edits.contains_key(&edit.edit) {
            return;
        }
        let ticket = self.tickets.values_mut().find(|ticket| ticket.number == edit.number);
        let fits = ticket.filter(|ticket| ticket.version == edit.version).map(|ticket| {
            ticket.version = ticket.version.saturating_add(1);
            let keep = |new: &Option<Private<String>>, old: &mut Option<Private<String>>| {
                if new.is_some() {
                    old.clone_from(new);
                }
            };
            keep(&edit.place, &mut ticket.place);
            keep(&edit.text, &mut ticket.text);
            if edit.kind.is_some() {
                ticket.kind.clone_from(&edit.kind);
            }
            if let Some(category) = edit.emergency {
                ticket.emergency = Some(Emergency::new(category, ticket.opened.t_answer, Vec::new(), None));
            }
        });
        self.edits.insert(edit.edit.clone(), fits.is_some());
    }

    fn alarm(&mut self, change: &AlarmChange) {
        let same = |alarm: &&mut Alarm| alarm.name == change.name && alarm.subject == change.subject;
        if change.active {
            let told = |alarm: &mut Alarm| alarm.cleared.is_none() || alarm.raised >= change.at;
            if !self.alarms.iter_mut().filter(same).any(told) {
                self.alarms.push(Alarm {
                    name: change.name.clone(),
                    subject: change.subject.clone(),
                    severity: change.severity.clone(),
                    detail: change.detail.clone(),
                    raised: change.at,
                    cleared: None,
                });
            }
        } else {
            let active = |alarm: &&mut Alarm| alarm.cleared.is_none() && alarm.raised <= change.at;
            self.alarms.iter_mut().filter(same).filter(active).for_each(|alarm| alarm.cleared = Some(change.at));
        }
    }
}

fn paged<T>(mut rows: Vec<T>, ask: &PageAsk, cursor: impl Fn(&T) -> Cursor) -> Page<T> {
    rows.retain(|row| ask.after.is_none_or(|after| cursor(row) < after));
    rows.sort_by_key(|row| std::cmp::Reverse(cursor(row)));
    Page::of(rows, ask, cursor)
}
