//! What only shows when the files are laid side by side.

use super::rows::Row;
use super::{Config, Fault, QueueSettings, SeatSettings, Texts, Trunk};
use super::{directory, numbers, ports, queues, retention, seats, server, trunks};
use super::{files::Text, server::Listen};
use crate::exchange::source::Source;
use crate::rules::language;
use crate::rules::numbers::{AreaCode, EMERGENCY, NumberRow};
use crate::sip::targets::Host;

pub(super) fn read(texts: &Texts) -> Result<Config, Vec<Fault>> {
    let mut faults = Vec::new();
    let (server, found) = server::read(&texts.server);
    let server_is_whole = found.is_empty();
    faults.extend(found);
    let city = server.as_ref().map_or("", |file| file.server.value.centre.as_str());
    let area = server.as_ref().map_or_else(AreaCode::jingdezhen, |file| file.server.value.area_code.clone());
    let (trunks, found) = trunks::read(&texts.trunks, server.as_ref().map_or(&[], |file| file.listens.as_slice()));
    let trunks_are_whole = found.is_empty();
    faults.extend(found);
    let (seats, found) = seats::read(&texts.seats, city);
    let seats_are_whole = found.is_empty();
    faults.extend(found);
    let (queues, found) = queues::read(&texts.queues);
    let queues_are_whole = found.is_empty();
    faults.extend(found);
    let (numbers, found) = numbers::read(&texts.numbers, &area);
    let numbers_are_whole = found.is_empty();
    faults.extend(found);
    let (retention, found) = retention::read(&texts.retention);
    faults.extend(found);
    let (directory, found) = directory::read(texts);
    faults.extend(found);

    // A reference into a file whose rows could not all be read proves nothing: such faults would
    // only hide the real one.
    if let Some(server) = server.as_ref().filter(|_| server_is_whole) {
        trunk_listeners(&trunks, &server.listens, &mut refuse(&texts.trunks, &mut faults));
        seat_places(&seats, server, &mut refuse(&texts.seats, &mut faults));
        seat_contacts(&seats, &server.listens, &trunks, &mut refuse(&texts.seats, &mut faults));
        group_centres(&queues.groups, server, &mut refuse(&texts.queues, &mut faults));
        if trunks_are_whole {
            ports::check(&server.listens, &trunks, refuse(&texts.server, &mut faults));
        }
    }
    sources(&trunks, &mut refuse(&texts.trunks, &mut faults));
    if numbers_are_whole {
        trunk_codes(&trunks, &numbers.rows, &mut refuse(&texts.trunks, &mut faults));
        seat_numbers(&seats, &numbers.rows, &mut refuse(&texts.seats, &mut faults));
    }
    if queues_are_whole {
        seat_skills(&seats, &queues.groups, &mut refuse(&texts.seats, &mut faults));
        trunk_languages(&trunks, &queues.groups, &mut refuse(&texts.trunks, &mut faults));
        let seats = seats_are_whole.then_some(seats.as_slice());
        if let Some(seats) = seats {
            overflow_skills(&queues.groups, &numbers.rows, seats, &mut refuse(&texts.queues, &mut faults));
        }
        number_skills(&numbers.rows, &queues.groups, seats, &mut refuse(&texts.numbers, &mut faults));
    }
    let known = directory::Known {
        area: &area,
        listens: server.as_ref().filter(|_| server_is_whole).map(|server| server.listens.as_slice()),
        trunks: trunks_are_whole.then_some(trunks.as_slice()),
        seats: seats_are_whole.then_some(seats.as_slice()),
        groups: queues_are_whole.then_some(queues.groups.as_slice()),
        numbers: numbers_are_whole.then_some(numbers.rows.as_slice()),
    };
    faults.extend(directory::check(&directory, texts, &known));
    let (Some(server), Some(plan), true) = (server, numbers.plan, faults.is_empty()) else { return Err(faults) };
    Ok(Config {
        server: server.server.value,
        centres: values(server.centres),
        listens: values(server.listens),
        mirrors: server.mirrors,
        trunks: values(trunks),
        seats: values(seats),
        queues: values(queues.groups),
        night: queues.night,
        numbers: plan,
        directory: directory.directory(),
        retention,
    })
}

fn values<T>(rows: Vec<Row<T>>) -> Vec<T> {
    rows.into_iter().map(|row| row.value).collect()
}

fn refuse<'a>(text: &'a Text, faults: &'a mut Vec<Fault>) -> impl FnMut(u32, String) + 'a {
    |line, reason| faults.push(Fault { file: text.file.clone(), line: Some(line), reason })
}

fn trunk_listeners(trunks: &[Row<Trunk>], listens: &[Row<Listen>], refuse: &mut impl FnMut(u32, String)) {
    for Row { line, value: trunk } in trunks {
        let name = &trunk.name;
        match listens.iter().map(|row| &row.value).find(|listen| listen.name == trunk.listen) {
            None => refuse(*line, format!("trunk {name}: unknown listener {}", trunk.listen)),
            Some(listen) if !listen.serves.trunks() => {
                refuse(*line, format!("trunk {name}: listener {} serves seats only", listen.name));
            }
            Some(listen) => {
                if listen.transport != trunk.transport {
                    let (own, its) = (trunk.transport.param_name(), listen.transport.param_name());
                    refuse(*line, format!("trunk {name}: transport {own}, but listener {} is {its}", listen.name));
                }
                let other_version =
                    |host: &&String| Host::literal(host).is_some_and(|at| at.is_ipv4() != listen.bind.is_ipv4());
                for host in trunk.hosts.iter().filter(other_version) {
                    refuse(
                        *line,
                        format!(
                            "trunk {name}: {host} cannot be reached from listener {}, another IP version",
                            listen.name
                        ),
                    );
                }
                for source in trunk.sources.iter().filter(|source| source.address.is_ipv4() != listen.bind.is_ipv4()) {
                    refuse(
                        *line,
                        format!("trunk {name}: {source} cannot come from listener {}, another IP version", listen.name),
                    );
                }
            }
        }
    }
}

/// A packet must belong to one trunk of its listener, or to none.
fn sources(trunks: &[Row<Trunk>], refuse: &mut impl FnMut(u32, String)) {
    for (at, Row { line, value: trunk }) in trunks.iter().enumerate() {
        for Row { value: former, .. } in trunks.iter().take(at).filter(|former| former.value.listen == trunk.listen) {
            let (ours, theirs) = (places(trunk), places(former));
            let pair = ours.iter().flat_map(|own| theirs.iter().map(move |other| (own, other)));
            for (own, other) in pair.filter(|(own, other)| own.overlaps(other)) {
                let name = &trunk.name;
                refuse(*line, format!("trunk {name}: source {own} is ambiguous, trunk {} has {other}", former.name));
            }
        }
    }
}

/// From where packets count as this trunk's: its sources, and the hosts that are addresses.
fn places(trunk: &Trunk) -> Vec<Source> {
    let hosts = trunk.hosts.iter().filter_map(|host| Host::literal(host)).map(Source::from);
    trunk.sources.iter().copied().chain(hosts).collect()
}

/// On a listener for both, a seat's fixed address is the seat's. It may lie in a trunk's range, but not
/// be the very address of a trunk, which would then never be heard.
fn seat_contacts(
    seats: &[Row<SeatSettings>],
    listens: &[Row<Listen>],
    trunks: &[Row<Trunk>],
    refuse: &mut impl FnMut(u32, String),
) {
    for Row { line, value: seat } in seats {
        let Some(contact) = &seat.contact else { continue };
        let Some(listen) = seats::rung_from(seat, listens.iter().map(|row| &row.value)) else { continue };
        let on_it = trunks.iter().map(|row| &row.value).filter(|trunk| trunk.listen == listen.name);
        let own = Source::from(contact.address);
        for trunk in on_it {
            if let Some(other) = places(trunk).iter().find(|other| other.is_one_address() && own.overlaps(other)) {
                let no = &seat.no.0;
                refuse(*line, format!("seat {no}: its contact is ambiguous, trunk {} has {other}", trunk.name));
            }
        }
    }
}

fn trunk_codes(trunks: &[Row<Trunk>], numbers: &[Row<NumberRow>], refuse: &mut impl FnMut(u32, String)) {
    let is_code = |code: &str| numbers.iter().any(|row| row.value.code == code);
    for Row { line, value: trunk } in trunks {
        let name = &trunk.name;
        if let Some(code) = &trunk.default_code {
            let mut rows = numbers.iter().filter(|row| row.value.code == *code).peekable();
            if rows.peek().is_none() {
                refuse(*line, format!("trunk {name}: default_code {code} is not in the number table"));
            } else if rows.all(|row| row.value.valid_to.is_some()) {
                refuse(*line, format!("trunk {name}: default_code {code} ends by its valid_to, a default may not"));
            }
        }
        for pilot in &trunk.pilots {
            if is_code(pilot) && trunk.username.as_ref() != Some(pilot) {
                refuse(*line, format!("trunk {name}: {pilot} is a hotline code, not a pilot"));
            } else if EMERGENCY.contains(&pilot.as_str()) {
                refuse(*line, format!("trunk {name}: {pilot} is an emergency number, not a pilot"));
            }
        }
    }
}

fn seat_places(seats: &[Row<SeatSettings>], server: &server::ServerFile, refuse: &mut impl FnMut(u32, String)) {
    for Row { line, value: seat } in seats {
        let no = &seat.no.0;
        if !server.has_centre(&seat.centre) {
            refuse(*line, format!("seat {no}: unknown centre {}", seat.centre));
        }
        let mut listens = server.listens.iter().map(|row| &row.value);
        match &seat.listen {
            Some(name) => match listens.find(|listen| listen.name == *name) {
                None => refuse(*line, format!("seat {no}: unknown listener {name}")),
                Some(listen) if !listen.serves.seats() => {
                    refuse(*line, format!("seat {no}: listener {name} serves trunks only"));
                }
                Some(listen) => {
                    if seat.contact.as_ref().is_some_and(|contact| !seats::reaches(contact, listen)) {
                        refuse(*line, format!("seat {no}: its contact cannot be reached from listener {name}"));
                    }
                }
            },
            None => {
                let reaches = |listen: &Listen| {
                    let served = listen.serves.seats();
                    served && seat.contact.as_ref().is_none_or(|contact| seats::reaches(contact, listen))
                };
                if !listens.any(reaches) {
                    refuse(*line, format!("seat {no}: no listener for seats can reach it"));
                }
            }
        }
    }
}

fn group_centres(groups: &[Row<QueueSettings>], server: &server::ServerFile, refuse: &mut impl FnMut(u32, String)) {
    for Row { line, value: group } in groups {
        if let Some(centre) = group.centre.as_ref().filter(|centre| !server.has_centre(centre)) {
            refuse(*line, format!("group {}: unknown centre {centre}", group.skill));
        }
    }
}

fn seat_numbers(seats: &[Row<SeatSettings>], numbers: &[Row<NumberRow>], refuse: &mut impl FnMut(u32, String)) {
    for Row { line, value: seat } in seats {
        let no = seat.no.0.as_str();
        if EMERGENCY.contains(&no) || numbers.iter().any(|row| row.value.code == no) {
            refuse(*line, format!("seat {no}: is a hotline or emergency number"));
        }
    }
}

fn seat_skills(seats: &[Row<SeatSettings>], groups: &[Row<QueueSettings>], refuse: &mut impl FnMut(u32, String)) {
    for Row { line, value: seat } in seats {
        for skill in seat.skills.iter().filter(|skill| !has_group(groups, skill)) {
            refuse(*line, format!("seat {}: skill {skill} names an unknown group", seat.no.0));
        }
    }
}

fn number_skills(
    numbers: &[Row<NumberRow>],
    groups: &[Row<QueueSettings>],
    seats: Option<&[Row<SeatSettings>]>,
    refuse: &mut impl FnMut(u32, String),
) {
    for Row { line, value: row } in numbers {
        let Some(skill) = &row.skill else { continue };
        if !has_group(groups, skill) {
            refuse(*line, format!("{}: skill {skill} names an unknown group", row.code));
        } else if seats.is_some_and(|seats| !seats.iter().any(|seat| seat.value.answers(skill))) {
            refuse(*line, format!("{}: no seat has the skill {skill}", row.code));
        }
    }
}

/// R10: a language that a trunk tells is one that some group speaks.
fn trunk_languages(trunks: &[Row<Trunk>], groups: &[Row<QueueSettings>], refuse: &mut impl FnMut(u32, String)) {
    let is_spoken =
        |language: &str| groups.iter().any(|group| group.value.languages.iter().any(|spoken| spoken == language));
    for Row { line, value: trunk } in trunks {
        for tag in trunk.pilot_languages.iter().map(|(_, tag)| tag).chain(&trunk.language) {
            if !language::fallbacks(tag).any(is_spoken) {
                refuse(*line, format!("trunk {}: no group has the language {tag}", trunk.name));
            }
        }
    }
}

/// A group that calls only overflow into, or that is there for a language; one that numbers lead to is refused there.
fn overflow_skills(
    groups: &[Row<QueueSettings>],
    numbers: &[Row<NumberRow>],
    seats: &[Row<SeatSettings>],
    refuse: &mut impl FnMut(u32, String),
) {
    let is_led_to = |skill: &String| numbers.iter().any(|row| row.value.skill.as_ref() == Some(skill));
    let is_answered = |skill: &String| seats.iter().any(|seat| seat.value.answers(skill));
    for Row { line, value: group } in groups {
        if !group.languages.is_empty() && !is_led_to(&group.skill) && !is_answered(&group.skill) {
            refuse(*line, format!("group {}: no seat speaks its languages", group.skill));
        }
        let targets = group.overflow.iter().chain(group.night_overflow.iter().flatten());
        for skill in targets.filter(|skill| !is_led_to(skill) && !is_answered(skill)) {
            refuse(*line, format!("group {}: overflow into {skill}, whose calls no seat answers", group.skill));
        }
    }
}

fn has_group(groups: &[Row<QueueSettings>], skill: &str) -> bool {
    groups.iter().any(|group| group.value.skill == skill)
}
