//! RFC 4475 §3.1.1: odd, and right all the same. Our own texts, with the oddities of the RFC's.
//! Lines end with LF here and with CRLF on the wire; `{LENGTH}` is the length of the body.

/// §3.1.1.1: folding, blanks and compact names wherever the grammar lets them stand.
pub const WSINV: &str = r#"INVITE sip:vera@desk.example.com;unknownparam SIP/2.0
TO :
 sip:vera@desk.example.com ;   tag    = 1918181833n
from   : "V Rosen \\\""       <sip:vrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.tortuous@192.0.2.1
Content-Length   : {LENGTH}
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spool.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \"\"" <sip:vrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

v=0
o=vera 29739 7272939 IN IP4 192.0.2.3
s=-
c=IN IP4 192.0.2.4
t=0 0
m=audio 49217 RTP/AVP 0 12
"#;

/// §3.1.1.2: every character that a token, a user part, a word or a quoted string may hold.
pub const INTMETH: &str = concat!(
    "!interesting-Method0123456789_*+`.%indeed'~ ",
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com ",
    "SIP/2.0\n",
    "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\n",
    "To: \"BEL:\\\u{7} NUL:\\\0 DEL:\\\u{7f}\" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>\n",
    "From: token1~` token2'+_ token3*%!.- <sip:plain@example.com>;fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.\n",
    "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\n",
    "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\n",
    "Max-Forwards: 255\n",
    "extensionHeader-!.%*+_`'~:大停電\n",
    "Content-Length: 0\n\n",
);

/// §3.1.1.3: escaped characters that must not be taken apart.
pub const ESC01: &str = r#"INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0
To: sip:%75se%72@example.com
From: <sip:I%20have%20spaces@example.net>;tag=938
Max-Forwards: 87
i: esc01.239409asdfakjkn23onasd0-3234
CSeq: 234234 INVITE
Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bKkdjuw
C: application/sdp
Contact:
  <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>
Content-Length: {LENGTH}

v=0
s=-
"#;

/// §3.1.1.4: escaped zero bytes in user parts.
pub const ESCNULL: &str = "REGISTER sip:example.com SIP/2.0
To: sip:null-%00-null@example.com
From: sip:null-%00-null@example.com;tag=839923423
Max-Forwards: 70
Call-ID: escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd
CSeq: 14398234 REGISTER
Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw
Contact: <sip:%00@host5.example.com>
Contact: <sip:%00%00@host5.example.com>
L:0

";

/// §3.1.1.5: percent signs that escape nothing, in a method, a name and a display name.
pub const ESC02: &str = r#"RE%47IST%45R sip:registrar.example.com SIP/2.0
To: "%Z%45" <sip:resource@example.com>
From: "%Z%45" <sip:resource@example.com>;tag=f232jadfj23
Call-ID: esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf
Via: SIP/2.0/TCP host.example.com;branch=z9hG4bK209%fzsnel234
CSeq: 29344 RE%47IST%45R
Max-Forwards: 70
Contact: <sip:alias1@host1.example.com>
C%6Fntact: <sip:alias2@host2.example.com>
Contact: <sip:alias3@host3.example.com>
l: 0

"#;

/// §3.1.1.6: no blank between display name and `<`.
pub const LWSDISP: &str = "OPTIONS sip:user@example.com SIP/2.0
To: sip:user@example.com
From: caller<sip:caller@example.com>;tag=323
Max-Forwards: 70
Call-ID: lwsdisp.1234abcd@funky.example.com
CSeq: 60 OPTIONS
Via: SIP/2.0/UDP funky.example.com;branch=z9hG4bKkdjuw
l: 0

";

/// §3.1.1.7: long values everywhere; `{LONG}` is 200 letters.
pub const LONGREQ: &str = r#"INVITE sip:user@example.com SIP/2.0
To: "A name of {LONG}" <sip:user@example.com:6000;unknownparam1={LONG};longparam{LONG}=shortvalue;very{LONG}>
F: sip:caller{LONG}@example.net;tag=12{LONG}424;unknownheaderparam{LONG}=unknown{LONG}value;{LONG}valueless
Call-ID: longreq.one{LONG}callid
CSeq: 3882340 INVITE
Unknown-{LONG}-Name: unknown-{LONG}-value; unknown-{LONG}-parameter-name = unknown-{LONG}-parameter-value
Via: SIP/2.0/TCP sip33.example.com
v: SIP/2.0/TCP sip32.example.com
V: SIP/2.0/TCP sip31.example.com
Via: SIP/2.0/TCP sip30.example.com
ViA: SIP/2.0/TCP sip29.example.com
VIa: SIP/2.0/TCP sip28.example.com
Via: SIP/2.0/TCP host.example.com;received=192.0.2.5;branch=very{LONG}branch
Max-Forwards: 70
Contact: <sip:amazing{LONG}@host5.example.net>
Content-Type: application/sdp
l: {LENGTH}

v=0
o=long 29739 7272939 IN IP4 192.0.2.3
s=-
"#;

/// §3.1.1.8: bytes behind the Content-Length of a datagram, here a second request.
pub const DBLREQ: &str = r#"REGISTER sip:example.com SIP/2.0
To: sip:j.user@example.com
From: sip:j.user@example.com;tag=43251j3j324
Max-Forwards: 8
I: dblreq.0ha0isndaksdj99sdfafnl3lk233412
Contact: sip:j.user@host.example.com
CSeq: 8 REGISTER
Via: SIP/2.0/UDP 192.0.2.125;branch=z9hG4bKkdjuw23492
Content-Length: 0


INVITE sip:joe@example.com SIP/2.0
t: sip:joe@example.com
From: sip:caller@example.net;tag=141334
Max-Forwards: 8
Call-ID: dblreq.0ha0isnda977644900765@192.0.2.15
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw380234
Content-Type: application/sdp
Content-Length: 5

v=0
"#;

/// §3.1.1.9: semicolons that belong to the user part.
pub const SEMIURI: &str = "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0
To: sip:j_user@example.com
From: sip:caller@example.org;tag=33242
Max-Forwards: 3
Call-ID: semiuri.0ha0isndaksdj
CSeq: 8 OPTIONS
Accept: application/sdp, application/pkcs7-mime,
        multipart/mixed, multipart/signed,
        message/sip, message/sipfrag
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw
l: 0

";

/// §3.1.1.10: known and unknown transports in Via.
pub const TRANSPORTS: &str = "OPTIONS sip:user@example.com SIP/2.0
To: sip:user@example.com
From: <sip:caller@example.com>;tag=323
Max-Forwards: 70
Call-ID:  transports.kijh4akdnaqjkwendsasfdj
Accept: application/sdp
CSeq: 60 OPTIONS
Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw
Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf
Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj
Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en
Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee
l: 0

";

/// §3.1.1.11: a binary part in the body; `{BINARY}` is every byte value once.
pub const MPART01: &str = r#"MESSAGE sip:kumiko@example.org SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-d87543-4dade06d0bdb11ee-1--d87543-;rport
Max-Forwards: 70
Route: <sip:127.0.0.1:5080>
Identity: r5mwreLuyDRYBi/0TiPwEsY3rEVsk
To: <sip:kumiko@example.org>
From: <sip:fluffy@example.com>;tag=2fb0dcc9
Call-ID: mpart01.3d9485ad0c49859b@Zmx1ZmZ5LW1hYy5sb2NhbA..
CSeq: 1 MESSAGE
Content-Transfer-Encoding: binary
Content-Type: multipart/mixed;boundary=7a9cbec02ceef655
Content-Length: {LENGTH}

--7a9cbec02ceef655
Content-Type: text/plain

Hello
--7a9cbec02ceef655
Content-Type: application/octet-stream

{BINARY}
--7a9cbec02ceef655--
"#;

/// §3.1.1.12: a reason phrase in UTF-8.
pub const UNREASON: &str = "SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое
Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
Call-ID: unreason.1234ksdfak3j2erwedfsASdf
CSeq: 35 INVITE
From: sip:user@example.com;tag=11141343
To: sip:user@example.edu;tag=2229
Content-Length: {LENGTH}
Content-Type: application/sdp
Contact: <sip:user@host198.example.com>

v=0
";

/// §3.1.1.13: no reason phrase; the blank before it stays.
pub const NOREASON: &str = concat!(
    "SIP/2.0 100 \n",
    "Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe\n",
    "Call-ID: noreason.asndj203insdf99223ndf\n",
    "CSeq: 35 INVITE\n",
    "From: <sip:user@example.com>;tag=39ansfi3\n",
    "To: <sip:user@example.edu>;tag=902jndnke3\n",
    "Content-Length: 0\n",
    "Contact: <sip:user@host105.example.com>\n\n",
);
