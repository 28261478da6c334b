//! The legs of one thread: which sockets they have, who hears whom, what the recorder gets.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use crate::archive::{Order, Voice};
use crate::audio::codec::{Codec, Rate};
use crate::call::{CallId, Hearing, LegId};
use crate::media::leg::{Kind, Leg, Spoken};
use crate::media::poll::Poll;
use crate::media::port::{Port, Told};
use crate::media::prompt::Playing;
use crate::media::room::Room;
use crate::media::rtp::Header;
use crate::media::speech::Sound;
use crate::media::tap::{Recorded, Tap};
use crate::media::{LegFigures, LegMedia};
use crate::time::Mono;

/// Prompts start on a grid, so that one wake serves many legs and a burst stays short.
const GRID: u64 = 5_000_000;

/// A room or a prompt that is later than this (the machine slept) goes on from now.
pub const LATE: Duration = Duration::from_millis(200);

/// Between two frames of a room.
const FRAME: Duration = Duration::from_millis(20);

/// The legs of this thread, by the slot that their sockets' tokens carry.
#[derive(Default)]
pub struct Legs {
    ports: Vec<Option<Port>>,
    slots: BTreeMap<LegId, usize>,
    calls: BTreeMap<CallId, Bridge>,
    /// Legs that hear a prompt, by when the next packet is due.
    due: BTreeSet<(Mono, usize)>,
    /// Calls that are rooms, by when their next frame is due.
    rooms: BTreeSet<(Mono, CallId)>,
    /// The last of taps that have ended, for the recorder.
    last: Vec<Order>,
}

/// Who hears whom in a call.
#[derive(Default)]
struct Bridge {
    slots: Vec<usize>,
    citizen: Option<LegId>,
    hearings: Vec<Hearing>,
    /// Since somebody heard two others.
    room: Option<Room>,
    tap: Option<Tap>,
}

impl Legs {
    /// What a leg said goes to the recorder and to those who hear it. The key that is heard in it.
    pub fn relay(&mut self, now: Mono, slot: usize, spoken: &Spoken<'_>, outbox: &mut [u8]) -> Option<char> {
        let port = self.port(slot).filter(|port| port.leg.may_speak())?;
        let mut sound = Sound::new(spoken, port.leg.mouth.take());
        let key = port.leg.key_in_voice(&mut sound);
        let (id, call, commands) = (port.leg.id, port.leg.call, port.leg.commands_in_voice());
        if commands && !self.is_citizen(call, id) {
            sound.mute();
        }
        self.spread(now, slot, &mut sound, outbox);
        self.port(slot)?.leg.mouth = sound.into_mouth();
        key
    }

    /// Who has nothing to command.
    fn is_citizen(&self, call: CallId, leg: LegId) -> bool {
        self.calls.get(&call).is_some_and(|bridge| bridge.citizen == Some(leg))
    }

    fn spread(&mut self, now: Mono, slot: usize, sound: &mut Sound<'_>, outbox: &mut [u8]) {
        let Some(port) = self.ports.get_mut(slot).and_then(Option::as_mut) else { return };
        let spoken = sound.spoken;
        let mut bridge = self.calls.get_mut(&port.leg.call);
        if let Some(voice) = port.voice
            && let Some(tap) = bridge.as_mut().and_then(|bridge| bridge.tap.as_mut())
        {
            let lost = tap.hear(now, voice, &spoken.header, sound.recorded());
            port.leg.figures.unrecorded += u64::from(lost);
        }
        if let Some(room) = bridge.and_then(|bridge| bridge.room.as_mut()) {
            match spoken.kind {
                Kind::Audio(Codec::G711(law)) if !sound.is_muted() => {
                    let samples = spoken.payload.iter().map(|code| law.decode(*code));
                    room.hear(now, port.leg.id, Rate::Narrow, &spoken.header, samples);
                }
                Kind::Audio(codec) => {
                    if let Some((rate, samples)) = sound.at_most(codec.rate()) {
                        room.hear(now, port.leg.id, rate, &spoken.header, samples.iter().copied());
                    }
                    if let Some((timestamp, samples)) = sound.recovered() {
                        room.recover(port.leg.id, &Header { timestamp, ..spoken.header }, samples);
                    }
                }
                Kind::Event { .. } | Kind::Noise => {}
            }
            return;
        }
        port.leg.recent.keep(now, sound);
        let source = port.leg.source(spoken.header.ssrc);
        let (id, call) = (port.leg.id, port.leg.call);
        let commands = matches!(spoken.kind, Kind::Event { .. }) && port.leg.commands;
        let feeds = std::mem::take(&mut port.feeds);
        let is_ours = commands && !self.is_citizen(call, id);
        for target in &feeds {
            match self.port(*target) {
                Some(target) if is_ours => target.leg.out.skip(source, &spoken.header),
                Some(target) => target.pass_on(now, source, sound, outbox),
                None => {}
            }
        }
        if let Some(port) = self.port(slot) {
            port.feeds = feeds;
        }
    }

    pub fn sender_report(&mut self, now: Mono, slot: usize, sender: (u32, u64, u32)) {
        let Some(port) = self.port(slot) else { return };
        let (call, voice) = (port.leg.call, port.voice);
        if let (Some(voice), Some(tap)) = (voice, self.tap(call)) {
            tap.sender_report(voice, now, sender);
        }
    }

    /// A prompt that one person alone hears is recorded as private to it: so far nobody hears that person.
    pub fn tap_prompt(&mut self, now: Mono, slot: usize) {
        let Some(port) = self.port(slot) else { return };
        let (leg, call, heard) = (port.leg.id, port.leg.call, port.voice.is_some());
        let Some(Told { header, law, codes }) = port.told.take().filter(|_| !heard) else { return };
        let recorded = Recorded { law, codes: &codes, ..Recorded::default() };
        let lost = self.tap(call).map_or(0, |tap| tap.hear(now, Voice::Private(leg), &header, Some(recorded)));
        self.count_unrecorded(leg, lost);
    }

    /// Hands over what was heard of the call whose first leg has this slot.
    pub fn flush_tap(&mut self, slot: usize) {
        let Some(port) = self.port(slot).filter(|port| port.voice.is_some()) else { return };
        let (leg, call) = (port.leg.id, port.leg.call);
        let Some(bridge) = self.calls.get_mut(&call) else { return };
        let first = bridge.slots.iter().find(|slot| {
            let port = self.ports.get(**slot).and_then(Option::as_ref);
            port.is_some_and(|port| port.voice.is_some())
        });
        if first != Some(&slot) {
            return;
        }
        let lost = bridge.tap.as_mut().map_or(0, Tap::flush);
        self.count_unrecorded(leg, lost);
    }

    /// The slots whose turn it is in this part of a housekeeping round.
    pub fn slots_of_round(&self, phase: usize, parts: usize) -> impl Iterator<Item = usize> + use<> {
        (phase..self.ports.len()).step_by(parts)
    }

    /// Legs that are open.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether there are calls, and none is relayed.
    pub fn are_all_in_rooms(&self) -> bool {
        !self.calls.is_empty() && self.rooms.len() == self.calls.len()
    }

    pub fn ids(&self) -> Vec<LegId> {
        self.slots.keys().copied().collect()
    }

    /// When the next prompt packet or the next frame of a room is due.
    pub fn next_packet(&self) -> Option<Mono> {
        let prompt = self.due.first().map(|(due, _)| *due);
        let room = self.rooms.first().map(|(due, _)| *due);
        prompt.into_iter().chain(room).min()
    }

    /// A leg whose prompt packet is due now.
    pub fn take_due(&mut self, now: Mono) -> Option<usize> {
        let first = *self.due.first().filter(|(due, _)| *due <= now)?;
        self.due.remove(&first);
        Some(first.1)
    }

    pub fn set_due(&mut self, due: Mono, slot: usize) {
        self.due.insert((due, slot));
    }

    pub fn port(&mut self, slot: usize) -> Option<&mut Port> {
        self.ports.get_mut(slot)?.as_mut()
    }

    fn of(&mut self, leg: LegId) -> Option<(usize, &mut Port)> {
        let slot = *self.slots.get(&leg)?;
        Some((slot, self.ports.get_mut(slot)?.as_mut()?))
    }

    pub fn open(&mut self, poll: &Poll, leg: Leg, local: SocketAddr) -> io::Result<()> {
        if self.slots.contains_key(&leg.id) {
            return Err(io::Error::other("the leg is open already"));
        }
        let (id, call) = (leg.id, leg.call);
        let port = Port::bind(leg, local)?;
        let slot = self.ports.iter().position(Option::is_none).unwrap_or(self.ports.len());
        port.register(poll, u64::try_from(slot).unwrap_or(0) * 2)?;
        match self.ports.get_mut(slot) {
            Some(place) => *place = Some(port),
            None => self.ports.push(Some(port)),
        }
        self.slots.insert(id, slot);
        self.calls.entry(call).or_default().slots.push(slot);
        self.wire(call);
        Ok(())
    }

    pub fn agree(&mut self, now: Mono, leg: LegId, media: LegMedia, report_every: Duration) {
        let Some((_, port)) = self.of(leg) else { return };
        let renewed = port.leg.agree(now, media, report_every);
        let (call, voice, rate) = (port.leg.call, port.voice, port.leg.codec().rate());
        if let Some(room) = self.calls.get_mut(&call).and_then(|bridge| bridge.room.as_mut()) {
            room.listen(leg, rate);
        }
        if renewed && let Some(voice) = voice {
            let lost = self.tap(call).map_or(0, |tap| tap.change(voice, now, "new SDP"));
            self.count_unrecorded(leg, lost);
        }
    }

    pub fn play(&mut self, now: Mono, leg: LegId, begin: impl FnOnce(u64, Mono) -> Playing) {
        self.stop_playing(leg);
        let Some((slot, port)) = self.of(leg) else { return };
        port.leg.prompts += 1;
        let due = Mono(now.0.next_multiple_of(GRID));
        port.leg.playing = Some(begin(port.leg.prompts, due));
        self.due.insert((due, slot));
    }

    pub fn stop_playing(&mut self, leg: LegId) {
        let Some((slot, port)) = self.of(leg) else { return };
        if let Some(playing) = port.leg.playing.take() {
            self.due.remove(&(playing.due, slot));
        }
    }

    pub fn mix(
        &mut self,
        now: Mono,
        call: CallId,
        citizen: LegId,
        hearings: Vec<Hearing>,
        orders: Option<&SyncSender<Order>>,
    ) {
        let Some(bridge) = self.calls.get_mut(&call) else { return };
        if bridge.room.is_none() && (bridge.citizen != Some(citizen) || bridge.hearings != hearings) {
            for slot in bridge.slots.iter().copied() {
                if let Some(port) = self.ports.get_mut(slot).and_then(Option::as_mut) {
                    port.leg.out.interrupt();
                }
            }
        }
        if bridge.room.is_none() && hearings.iter().any(|hearing| hearing.hears.len() > 1) {
            bridge.room = Some(Room::taking_over(&bridge.hearings, |room| {
                for slot in bridge.slots.iter().copied() {
                    let Some(port) = self.ports.get_mut(slot).and_then(Option::as_mut) else { continue };
                    let leg = port.leg.id;
                    port.leg.recent.tell(now, |came, rate, header, samples| {
                        room.hear(came, leg, rate, header, samples);
                    });
                }
            }));
            self.rooms.insert((Mono(now.0.next_multiple_of(GRID)), call));
        }
        if let Some(room) = &mut bridge.room {
            room.arrange(&hearings);
            for port in bridge.slots.iter().filter_map(|slot| self.ports.get(*slot)?.as_ref()) {
                room.listen(port.leg.id, port.leg.codec().rate());
            }
        }
        bridge.citizen = Some(citizen);
        bridge.hearings = hearings;
        match (orders, &mut bridge.tap) {
            (Some(orders), tap @ None) => *tap = Some(Tap::new(call, orders.clone())),
            (None, Some(_)) => self.last.extend(bridge.tap.take().into_iter().flat_map(Tap::finish)),
            (Some(_), Some(_)) | (None, None) => {}
        }
        let mut unheard = bridge.slots.clone();
        unheard.retain(|slot| self.voice(*slot).is_none());
        self.wire(call);
        for slot in unheard {
            let Some(voice) = self.voice(slot) else { continue };
            let lost = self.tap(call).map_or(0, |tap| tap.resume(voice, now));
            if let Some(port) = self.port(slot) {
                port.leg.figures.unrecorded += u64::from(lost);
            }
        }
    }

    /// As what a leg is recorded.
    fn voice(&self, slot: usize) -> Option<Voice> {
        self.ports.get(slot)?.as_ref()?.voice
    }

    /// Sends the frames of rooms that are due.
    pub fn mix_rooms(&mut self, now: Mono, outbox: &mut [u8]) {
        while let Some((due, call)) = self.rooms.first().copied().filter(|(due, _)| *due <= now) {
            self.rooms.remove(&(due, call));
            let Some(bridge) = self.calls.get_mut(&call) else { continue };
            let Some(room) = &mut bridge.room else { continue };
            let (slots, ports) = (&self.slots, &mut self.ports);
            room.mix(now, |leg, rate, samples| {
                let slot = slots.get(&leg).copied();
                if let Some(port) = slot.and_then(|slot| ports.get_mut(slot)?.as_mut()) {
                    port.send_mixed(now, rate, samples, outbox);
                }
            });
            // A room that was held up (the machine slept) goes on from now instead of catching up.
            let next = due + FRAME;
            self.rooms.insert((if now.since(next) > LATE { now + FRAME } else { next }, call));
        }
    }

    /// Connects the legs of a call as its last `Mix` said, as far as they are open.
    fn wire(&mut self, call: CallId) {
        let Some(bridge) = self.calls.get(&call) else { return };
        for slot in bridge.slots.iter().copied() {
            if let Some(port) = self.ports.get_mut(slot).and_then(Option::as_mut) {
                port.feeds.clear();
                port.voice = None;
            }
        }
        let slot_of = |leg: &LegId| self.slots.get(leg).copied().filter(|slot| bridge.slots.contains(slot));
        // Who hears nobody is no party yet: a network's announcement before the answer.
        let is_party = |leg: LegId| bridge.hearings.iter().any(|one| one.leg == leg && !one.hears.is_empty());
        for Hearing { leg, hears } in &bridge.hearings {
            let Some(hearer) = slot_of(leg) else { continue };
            for slot in hears.iter().filter_map(slot_of) {
                let Some(port) = self.ports.get_mut(slot).and_then(Option::as_mut) else { continue };
                port.feeds.push(hearer);
                let heard = bridge.citizen == Some(*leg);
                if bridge.tap.is_some() && (heard || is_party(port.leg.id)) {
                    let voice = if heard { Voice::Heard(port.leg.id) } else { Voice::Private(port.leg.id) };
                    port.voice = port.voice.filter(|_| !heard).or(Some(voice));
                }
            }
        }
        let citizen = bridge.citizen.as_ref().and_then(slot_of);
        if let Some(port) = citizen.and_then(|slot| self.ports.get_mut(slot)).and_then(Option::as_mut) {
            port.voice = bridge.tap.is_some().then_some(Voice::Citizen);
        }
    }

    pub fn close(&mut self, leg: LegId) -> Option<Port> {
        self.stop_playing(leg);
        let slot = self.slots.remove(&leg)?;
        let mut port = self.ports.get_mut(slot)?.take()?;
        let call = port.leg.call;
        if let Some(bridge) = self.calls.get_mut(&call) {
            bridge.slots.retain(|other| *other != slot);
            if let Some(room) = &mut bridge.room {
                port.leg.figures.in_room = room.figures(leg).unwrap_or_default();
                room.leave(leg);
            }
            if let (Some(voice), Some(tap), false) = (port.voice, &mut bridge.tap, bridge.slots.is_empty()) {
                port.leg.figures.unrecorded += u64::from(tap.leave(voice));
            }
            if bridge.tap.is_some() {
                self.last.push(figures(call, &port.leg));
            }
            if bridge.slots.is_empty() {
                self.last.extend(bridge.tap.take().into_iter().flat_map(Tap::finish));
                self.calls.remove(&call);
            }
        }
        self.wire(call);
        Some(port)
    }

    /// What a leg's media has done so far.
    pub fn totals(&self, slot: usize) -> Option<LegFigures> {
        let leg = &self.ports.get(slot)?.as_ref()?.leg;
        let room = self.calls.get(&leg.call).and_then(|bridge| bridge.room.as_ref());
        let in_room = room.and_then(|room| room.figures(leg.id)).unwrap_or_default();
        Some(LegFigures { in_room, ..leg.totals() })
    }

    /// What the legs of a recorded call have counted, for its side-car.
    pub fn figures_of(&mut self, call: CallId) -> Vec<Order> {
        let Some(bridge) = self.calls.get(&call).filter(|bridge| bridge.tap.is_some()) else { return Vec::new() };
        let legs = bridge.slots.iter().filter_map(|slot| self.ports.get(*slot)?.as_ref());
        legs.map(|port| figures(call, &port.leg)).collect()
    }

    /// Nothing of this call is heard any more, not even of legs that are still open.
    pub fn end_tap(&mut self, call: CallId) {
        let tap = self.calls.get_mut(&call).and_then(|bridge| bridge.tap.take());
        self.last.extend(tap.into_iter().flat_map(Tap::finish));
        self.wire(call);
    }

    /// What the recorder has to get of taps that have ended, before anything else about their calls.
    pub fn take_last(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.last)
    }

    fn tap(&mut self, call: CallId) -> Option<&mut Tap> {
        self.calls.get_mut(&call)?.tap.as_mut()
    }

    fn count_unrecorded(&mut self, leg: LegId, packets: u32) {
        if let Some((_, port)) = self.of(leg) {
            port.leg.figures.unrecorded += u64::from(packets);
        }
    }
}

fn figures(call: CallId, leg: &Leg) -> Order {
    Order::Figures { call, leg: leg.id, figures: (&leg.totals()).into() }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::audio::g711::Law;
    use crate::media::room::TICKS;
    use crate::media::rtp;

    const FIRST: LegId = LegId(1);
    const SECOND: LegId = LegId(2);
    const THIRD: LegId = LegId(3);
    const CALL: CallId = CallId(1);
    /// Far from the silence of a frame that nobody filled.
    const VOICE: u8 = 0x25;

    /// A leg and the phone at its other end.
    fn leg(legs: &mut Legs, poll: &Poll, id: LegId) -> UdpSocket {
        let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
        phone.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let remote = phone.local_addr().ok();
        let leg = || Leg::new(id, CALL, Mono::default(), Duration::from_secs(2), || 7);
        let free = (20_000..60_000).step_by(2).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        free.into_iter().find(|local| legs.open(poll, leg(), *local).is_ok()).unwrap();
        let media = LegMedia {
            remote,
            remote_rtcp: None,
            codec: Codec::PCMA,
            payload: 8,
            events_out: None,
            events_in: None,
            fast_events: false,
            ptime: 20,
            send: true,
            receive: true,
            generation: 1,
        };
        legs.agree(Mono::default(), id, media, Duration::from_secs(5));
        phone
    }

    #[test]
    fn two_who_were_relayed_go_on_in_the_room_without_a_hole() {
        let (mut legs, poll) = (Legs::default(), Poll::new().unwrap());
        let phones = [FIRST, SECOND, THIRD].map(|id| leg(&mut legs, &poll, id));
        let (mut outbox, mut inbox) = ([0; 400], [0; 400]);
        legs.mix(Mono::default(), CALL, FIRST, Hearing::all(&[FIRST, SECOND]), None);
        let from = phones[1].local_addr().unwrap();
        for packet in 0..5_u16 {
            let now = Mono::from_millis(u64::from(packet) * 20);
            let timestamp = u32::from(packet) * TICKS;
            let header = Header { payload_type: 8, marker: false, sequence: packet, timestamp, ssrc: 9 };
            let mut bytes = [0; 400];
            let datagram = rtp::write(&header, &[VOICE; TICKS as usize], &mut bytes).unwrap();
            let spoken = legs.port(1).unwrap().leg.hear(now, from, datagram).unwrap();
            legs.relay(now, 1, &spoken, &mut outbox);
        }
        legs.mix(Mono::from_millis(91), CALL, FIRST, Hearing::all(&[FIRST, SECOND, THIRD]), None);
        legs.mix_rooms(Mono::from_millis(95), &mut outbox);
        let mut last = None;
        for packet in 0..6 {
            let (length, _) = phones[0].recv_from(&mut inbox).unwrap();
            let (header, codes) = rtp::read(&inbox[..length]).unwrap();
            let passed = last.map_or(TICKS, |last| header.timestamp.wrapping_sub(last));
            assert_eq!(passed, TICKS, "packet {packet}");
            last = Some(header.timestamp);
            let quietest = codes.iter().map(|code| Law::A.decode(*code).unsigned_abs()).min().unwrap();
            assert!(quietest >= Law::A.decode(VOICE).unsigned_abs() / 2, "packet {packet}: {quietest}");
        }
    }
}
