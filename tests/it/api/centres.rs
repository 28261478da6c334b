//! A county's centre has tickets of its own: from the files to the number and the list. R13, R34.

use hotline::app::setup::board_settings;
use hotline::call::{CallId, Input, OpenTicket, Output, SeatNo, Switchboard};
use hotline::config::{Config, Texts};
use hotline::store::entry::Entry;
use hotline::time::{Mono, Now};

use super::house::House;
use crate::call::{MORNING, invited};

/// Whose a ticket is, by the centre that its queue names and that of the seat that answers.
const CASES: [(&str, &str, &str); 4] =
    [("", "leping", "leping"), ("", "jdz", "jdz"), ("jdz", "leping", "jdz"), ("leping", "jdz", "leping")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queues_centre_else_the_seats_has_the_ticket() {
    let files = House::prepare("centres");
    let centre =
        "\n[[centre]]\nid = \"leping\"\nname = \"乐平\"\nticket_prefix = \"LP\"\n\n[[listen]]\nname = \"local\"";
    files.edit("sip-configs/server.toml", "\n[[listen]]\nname = \"local\"", centre);
    let house = House::run(files, None).await;
    for (n, (queue, seat, _)) in (1u64..).zip(CASES) {
        house.record(Entry::Answered(Box::new(answered(&house, CallId(n), queue, seat)))).await;
    }
    for (centre, prefix, calls) in [("leping", "LP", [4, 1]), ("jdz", "JDZ", [3, 2])] {
        let rows = house.get(&format!("/api/tickets?centre={centre}")).json()["rows"].clone();
        let rows = rows.as_array().unwrap();
        let of = |name: &str| rows.iter().map(|row| row[name].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(of("call"), calls.map(|call| CallId(call).to_string()), "{centre}");
        assert_eq!(of("number"), ["000002", "000001"].map(|serial| format!("{prefix}-20261124-{serial}")));
    }
    house.stop().await;
}

/// What the switchboard opens where group general names `queue`, and seat 1001, which answers, `seat`.
fn answered(house: &House, call: CallId, queue: &str, seat: &str) -> OpenTicket {
    let mut texts = Texts::of(house.server.office.options.config.as_deref().unwrap()).unwrap();
    if !queue.is_empty() {
        let (label, named) = ("label = \"综合\"", format!("label = \"综合\"\ncentre = \"{queue}\""));
        texts.queues.text = texts.queues.text.replacen(label, &named, 1);
    }
    texts.seats.text = texts.seats.text.replace("centre = \"jdz\"", &format!("centre = \"{seat}\""));
    let config = Config::read(&texts).unwrap();
    let now = Now { mono: Mono::from_millis(5_000), wall: MORNING };
    let mut board = Switchboard::new(now, board_settings(&config), config.numbers.clone(), CallId(0));
    board.handle(now, Input::Reachable { seat: SeatNo("1001".to_owned()), reachable: true });
    board.handle(now, Input::Invited(Box::new(invited(1, "12345"))));
    let leg = board.calls().first().and_then(|call| call.seat_leg).expect("a seat is rung");
    let opened = board.handle(now, Input::Answered { leg }).into_iter().find_map(|output| match output {
        Output::OpenTicket(ticket) => Some(*ticket),
        _ => None,
    });
    OpenTicket { call, ..opened.expect("a ticket") }
}
