//! The checked configuration, in the words of the exchange and of the switchboard.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::archive::keys::{KeyError, MasterKeys};
use crate::audio::codec::Codec;
use crate::call::feature_codes;
use crate::call::settings::{Overflow, SeatSettings, Settings as BoardSettings, SkillSettings, TrunkCodes};
use crate::config::{self, Config, DeviceContact, PortRange, Require};
use crate::exchange::settings::{Device, FixedPhone, Listener, SeatLine, Settings, Trunk};
use crate::net::driver::Listen;
use crate::net::resolve::Wanted;
use crate::sip::flow::{Flow, ListenerId};
use crate::sip::registrar::RegistrarLimits;
use crate::sip::session::Reliable;
use crate::sip::targets::Host;

use super::secrets::Secrets;

pub fn exchange_settings(config: &Config, secrets: &Secrets) -> Settings {
    Settings {
        listeners: config.listens.iter().enumerate().map(|(index, listen)| listener(config, index, listen)).collect(),
        pools: pools(config).into_iter().map(|(_, range)| (range.first, range.last)).collect(),
        trunks: config.trunks.iter().map(|row| trunk(config, row)).collect(),
        seats: config.seats.iter().map(|row| seat_line(config, row, secrets)).collect(),
        devices: devices(config),
        seat_codecs: config.server.seat_codecs.clone().unwrap_or_else(|| Codec::ALL.into()),
        seat_codecs_ordered: config.server.seat_codecs.is_some(),
        area: config.server.area_code.to_string(),
        realm: config.server.realm.clone(),
        user_agent: config.server.user_agent.clone(),
        registrar: RegistrarLimits { algorithms: config.server.digest.clone(), ..RegistrarLimits::default() },
        features: feature_codes().map(|(code, ask)| (code.to_owned(), ask)).into(),
        board: board_settings(config),
        plan: config.numbers.clone(),
    }
}

/// The master keys that the configuration names, or that stand in the environment. Where new recordings are to be
/// encrypted, it is a fault that there are none; else it concerns old ones only, and comes back beside none.
pub fn master_keys(config: &Config) -> Result<(MasterKeys, Option<KeyError>), KeyError> {
    let found = match &config.server.master_key_file {
        Some(file) => Some(MasterKeys::read(file)),
        None => MasterKeys::of_environment(),
    };
    match (found, config.server.recording_encryption) {
        (Some(Ok(keys)), _) => Ok((keys, None)),
        (Some(Err(error)), Some(_)) => Err(error),
        (None, Some(_)) => Err(KeyError::None),
        (Some(Err(error)), None) => Ok((MasterKeys::default(), Some(error))),
        (None, None) => Ok((MasterKeys::default(), None)),
    }
}

pub fn listens(config: &Config) -> Vec<Listen> {
    let listen = |(index, row): (usize, &config::Listen)| Listen {
        id: listener_id(index),
        transport: row.transport,
        bind: row.bind,
    };
    config.listens.iter().enumerate().map(listen).collect()
}

/// Where each listener is reached, for the trace; a wildcard says nothing, so what is advertised
/// stands for it.
pub fn own_addresses(config: &Config) -> Vec<SocketAddr> {
    let address = |row: &config::Listen| if row.bind.ip().is_unspecified() { row.sip_address } else { row.bind };
    config.listens.iter().map(address).collect()
}

pub fn board_settings(config: &Config) -> BoardSettings {
    let server = &config.server;
    BoardSettings {
        seats: config.seats.iter().map(|row| (row.no.clone(), seat(row))).collect(),
        skills: config.queues.iter().map(|row| (row.skill.clone(), skill(row))).collect(),
        languages: config.languages().map(|(language, skill)| (language.to_owned(), skill.to_owned())).collect(),
        centres: config.centres.iter().map(|row| (row.id.clone(), row.ticket_prefix.clone())).collect(),
        city_centre: server.centre.clone(),
        trunks: config.trunks.iter().map(|row| (row.name.clone(), codes(row))).collect(),
        directory: config.directory.clone(),
        night: config.night,
        ring_time: server.ring_no_answer,
        wrap_up: server.wrap_up,
        after_wrap_up: server.after_wrap_up,
        announce_every: server.announce_every,
        play_greeting: server.greeting,
        play_notice: server.notice,
        play_seat_number: server.say_seat_number,
        ..BoardSettings::default()
    }
}

fn listener_id(index: usize) -> ListenerId {
    ListenerId(u16::try_from(index).unwrap_or(u16::MAX))
}

/// One pool of ports for each address that RTP is bound to, with its range.
fn pools(config: &Config) -> Vec<(IpAddr, PortRange)> {
    let mut pools: Vec<(IpAddr, PortRange)> = Vec::new();
    for listen in &config.listens {
        let pool = (listen.media_bind, listen.rtp_ports);
        if !pools.contains(&pool) {
            pools.push(pool);
        }
    }
    pools
}

fn listener(config: &Config, index: usize, listen: &config::Listen) -> Listener {
    let pool = (listen.media_bind, listen.rtp_ports);
    Listener {
        id: listener_id(index),
        transport: listen.transport,
        sip_address: listen.sip_address,
        media_address: listen.media_address,
        media_bind: listen.media_bind,
        serves_trunks: listen.serves.trunks(),
        serves_seats: listen.serves.seats(),
        pool: pools(config).iter().position(|known| *known == pool).unwrap_or(0),
    }
}

/// The id of the listener of that name; the first one where `cross` has let a wrong name through.
fn listener_named(config: &Config, name: &str) -> ListenerId {
    listener_id(config.listens.iter().position(|listen| listen.name == name).unwrap_or(0))
}

fn trunk(config: &Config, row: &config::Trunk) -> Trunk {
    Trunk {
        name: row.name.clone(),
        listener: listener_named(config, &row.listen),
        sources: row.sources.clone(),
        addresses: row.hosts.iter().filter_map(|host| Host::literal(host)).collect(),
        hosts: row.hosts.clone(),
        domain: row.domain.as_ref().or(row.hosts.first()).cloned().unwrap_or_default(),
        credentials: row.username.clone().zip(row.password.as_ref().map(|secret| secret.reveal().to_string())),
        register: row.register,
        options_interval: row.options_interval,
        failover_after: row.failover_after,
        channels: row.channels,
        reserved_channels: row.reserved_channels,
        shows_caller: row.identity.from == config::FromForm::Caller,
        shown: row.shown().map(str::to_owned),
        asserted_identity: row.identity.asserted_identity,
        diversion: row.identity.diversion,
        number_form: row.identity.number_form,
        add_prefix: row.add_prefix.clone(),
        user_phone: row.user_phone,
        platform: row.platform.clone(),
        incident_headers: row.incident_headers.clone(),
        queue_answer: row.queue_answer,
        ring_with_180: row.ring_with_180,
        codecs: row.codecs.clone(),
        codecs_ordered: row.codecs_ordered,
        ptime: row.ptime,
        reliable: match row.reliable_provisionals {
            Require::Off => Reliable::Off,
            Require::Supported => Reliable::Supported,
            Require::Required => Reliable::Required,
        },
        session_expires: row.session_expires,
        overload_status: row.overload_status,
        overload_retry_after: row.overload_retry_after,
    }
}

/// Every device that a line of the directory names, once, with the listener from which it is called.
fn placed_devices(config: &Config) -> BTreeMap<&str, (DeviceContact, usize)> {
    let placed = |uri| {
        let contact = DeviceContact::parse(uri).ok()?;
        let listen = config.listens.iter().position(|listen| contact.is_reached_by(listen))?;
        Some((uri, (contact, listen)))
    };
    config.directory.devices().filter_map(placed).collect()
}

fn devices(config: &Config) -> Vec<Device> {
    let device = |(uri, (contact, listen)): (&str, (DeviceContact, usize))| Device {
        uri: uri.to_owned(),
        listener: listener_id(listen),
        addresses: Host::literal(&contact.host).into_iter().collect(),
        user: contact.user,
    };
    placed_devices(config).into_iter().map(device).collect()
}

/// The trunks and devices with a host that is a name.
pub fn names_to_resolve(config: &Config) -> Vec<Wanted> {
    let needs = |row: &&config::Trunk| row.hosts.iter().any(|host| Host::literal(host).is_none());
    let wanted = |row: &config::Trunk| {
        let listen = config.listens.iter().find(|listen| listen.name == row.listen);
        Wanted {
            trunk: row.name.clone(),
            hosts: row.hosts.clone(),
            transport: row.transport,
            ipv4: listen.is_none_or(|listen| listen.bind.is_ipv4()),
        }
    };
    let device = |(uri, (contact, listen)): (&str, (DeviceContact, usize))| Wanted {
        trunk: uri.to_owned(),
        hosts: vec![contact.host],
        transport: contact.transport,
        ipv4: config.listens.get(listen).is_none_or(|listen| listen.bind.is_ipv4()),
    };
    let named = |(_, (contact, _)): &(&str, (DeviceContact, usize))| Host::literal(&contact.host).is_none();
    let devices = placed_devices(config).into_iter().filter(named).map(device);
    config.trunks.iter().filter(needs).map(wanted).chain(devices).collect()
}

fn seat_line(config: &Config, row: &config::SeatSettings, secrets: &Secrets) -> SeatLine {
    let fixed = row.contact.as_ref().and_then(|contact| {
        let listener = listener_named(config, &config::seats::rung_from(row, config.listens.iter())?.name);
        let flow = Flow { listener, transport: contact.transport, remote: contact.address };
        Some(FixedPhone { flow, user: contact.user.clone().unwrap_or_else(|| row.no.0.clone()) })
    });
    SeatLine { seat: row.no.clone(), password: secrets.password(row), fixed }
}

fn seat(row: &config::SeatSettings) -> SeatSettings {
    SeatSettings {
        name: row.name.clone(),
        kind: row.kind,
        centre: row.centre.clone(),
        skills: row.skills.iter().cloned().collect::<BTreeSet<_>>(),
        wrap_up: row.wrap_up,
        supervisor: row.supervisor,
    }
}

fn skill(row: &config::QueueSettings) -> SkillSettings {
    let open = |groups: &[String]| -> Vec<Overflow> {
        groups.iter().map(|to| Overflow { to: to.clone(), after: row.overflow_after }).collect()
    };
    SkillSettings {
        centre: row.centre.clone(),
        priority: row.priority,
        overflow: open(row.overflow_at(false)),
        night_overflow: row.night_overflow.as_deref().map(open),
    }
}

fn codes(row: &config::Trunk) -> TrunkCodes {
    TrunkCodes {
        pilots: row.pilots.clone(),
        default_code: row.default_code.clone(),
        strip_prefix: row.strip_prefix.clone(),
        pilot_languages: row.pilot_languages.clone(),
        language: row.language.clone(),
    }
}
