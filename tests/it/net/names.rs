//! Trunk hosts that are names, asked of a name server of our own.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hotline::exchange::Input;
use hotline::net::driver::Event;
use hotline::net::resolve::{Names, Wanted, keep};
use hotline::sip::flow::Transport;
use tokio::sync::{mpsc, watch};

/// Answers like a carrier's name server; every record lives for a minute.
fn server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
            let query = question.queries[0].clone();
            let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
            answer.metadata.message_type = MessageType::Response;
            answer.add_query(query.clone());
            let data = records(&query.name().to_lowercase().to_utf8(), query.query_type());
            if data.is_empty() {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
            for data in data {
                answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
            }
            let _ = socket.send_to(&answer.to_vec().unwrap(), from);
        }
    });
    address
}

fn records(name: &str, kind: RecordType) -> Vec<RData> {
    let srv = |priority, weight, port, target: &str| {
        RData::SRV(SRV::new(priority, weight, port, Name::from_ascii(target).unwrap()))
    };
    match (name, kind) {
        ("_sip._udp.carrier.example.", RecordType::SRV) => {
            vec![srv(20, 0, 5060, "late.carrier.example."), srv(10, 5, 5080, "one.carrier.example.")]
        }
        ("_sip._udp.shut.example.", RecordType::SRV) => vec![srv(0, 0, 0, ".")],
        ("one.carrier.example.", RecordType::A) => vec![RData::A(A(Ipv4Addr::new(192, 0, 2, 1)))],
        ("one.carrier.example.", RecordType::AAAA) => {
            vec![RData::AAAA(AAAA(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)))]
        }
        ("late.carrier.example.", RecordType::A) => {
            vec![RData::A(A(Ipv4Addr::new(192, 0, 2, 2))), RData::A(A(Ipv4Addr::new(192, 0, 2, 3)))]
        }
        ("shut.example.", RecordType::A) => vec![RData::A(A(Ipv4Addr::new(192, 0, 2, 9)))],
        ("plain.example.", RecordType::A) => vec![RData::A(A(Ipv4Addr::new(192, 0, 2, 4)))],
        _ => Vec::new(),
    }
}

fn wanted(hosts: &[&str], ipv4: bool) -> Wanted {
    Wanted {
        trunk: "carrier".into(),
        hosts: hosts.iter().map(|host| (*host).to_string()).collect(),
        transport: Transport::Udp,
        ipv4,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_name_is_looked_up_by_srv_and_then_by_address() {
    runtime().block_on(async {
        let names = Names::of(server());
        for (hosts, ipv4, expected) in [
            (vec!["carrier.example"], true, vec!["192.0.2.1:5080", "192.0.2.2:5060", "192.0.2.3:5060"]),
            (vec!["carrier.example"], false, vec!["[2001:db8::1]:5080"]),
            (vec!["plain.example"], true, vec!["192.0.2.4:5060"]),
            (vec!["one.carrier.example:5090"], true, vec!["192.0.2.1:5090"]),
            (
                vec!["198.51.100.1", "plain.example", "198.51.100.2:5070"],
                true,
                vec!["198.51.100.1:5060", "192.0.2.4:5060", "198.51.100.2:5070"],
            ),
            (vec!["nowhere.invalid"], true, vec![]),
            (vec!["shut.example"], true, vec![]),
            // What no server knows, the machine may.
            (vec!["localhost:5061"], true, vec!["127.0.0.1:5061"]),
        ] {
            let found = names.look_up(&wanted(&hosts, ipv4), 1).await;
            let expected: Vec<SocketAddr> = expected.iter().map(|address| address.parse().unwrap()).collect();
            assert_eq!(found.addresses, expected, "{hosts:?}");
            let holds = found.holds();
            let most = Duration::from_secs(if hosts[0].starts_with("localhost") { 3_600 } else { 60 });
            assert!((Duration::from_secs(30)..=most).contains(&holds), "{hosts:?}: {holds:?}");
        }
    });
}

#[test]
fn the_exchange_is_told_and_a_new_list_takes_the_place_of_the_old() {
    runtime().block_on(async {
        let (inbox, mut events) = mpsc::channel(8);
        let (lists, list) = watch::channel(vec![wanted(&["plain.example"], true)]);
        let keeping = tokio::spawn(keep(Names::of(server()), list, inbox, 1));
        let mut told = async || match tokio::time::timeout(Duration::from_secs(10), events.recv()).await {
            Ok(Some(Event::Input(Input::Resolved { trunk, addresses }))) => (trunk, addresses),
            _ => panic!("no word of the addresses"),
        };
        assert_eq!(told().await, ("carrier".into(), vec!["192.0.2.4:5060".parse().unwrap()]));
        lists.send_replace(vec![wanted(&["one.carrier.example:5060"], true)]);
        assert_eq!(told().await, ("carrier".into(), vec!["192.0.2.1:5060".parse().unwrap()]));
        drop(lists);
        tokio::time::timeout(Duration::from_secs(10), keeping).await.unwrap().unwrap();
    });
}
