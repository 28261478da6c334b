//! What is known of a recording, under the Chinese names of DA/T 63-2017 (录音录像类电子档案元数据方案) and
//! DA/T 78-2019. Numbers of elements are given where they are sure; what only the owner knows is there, empty,
//! and says so.

use std::io;

use super::{MIX, Order};
use crate::archive::manifest::chain::Name;
use crate::archive::sidecar::SideCar;
use crate::audio::wav::Format;
use crate::rules::retention;

/// One element.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Field {
    /// 档案实体, 业务实体, 管理活动 …
    pub group: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<&'static str>,
    pub name: &'static str,
    /// None: the owner's to give.
    pub value: Option<String>,
}

fn field(group: &'static str, name: &'static str, value: impl Into<String>) -> Field {
    let number = match name {
        "题名" => Some("M7"),
        "管理活动标识符" => Some("M83"),
        "机构人员标识符" => Some("M88"),
        _ => None,
    };
    Field { group, number, name, value: Some(value.into()) }
}

const fn owners(group: &'static str, name: &'static str) -> Field {
    Field { group, number: None, name, value: None }
}

pub fn title(order: &Order, side_car: &SideCar) -> String {
    let ticket = order.ticket.as_ref().map(|ticket| format!("，工单 {ticket}")).unwrap_or_default();
    format!("{} 热线通话录音，{}{ticket}", side_car.meta.hotline, minute(&side_car.started_local))
}

/// `2026-11-24 08:00:01` of `2026-11-24T08:00:01.000+08:00`.
fn minute(text: &str) -> String {
    text.chars().take(19).map(|letter| if letter == 'T' { ' ' } else { letter }).collect()
}

pub fn fields(order: &Order, side_car: &SideCar, listed: Option<Name>, key: &str) -> Vec<Field> {
    let sealed = &order.sealed;
    let made = retention::local_text(order.made);
    let mut all = Vec::new();
    let record = "档案实体";
    all.extend(["档案馆名称", "档案馆代码", "全宗名称", "立档单位名称", "档号"].map(|name| owners(record, name)));
    all.push(field(record, "聚合层次", "件"));
    all.push(field(record, "题名", title(order, side_car)));
    all.push(field(record, "责任者", format!("坐席 {}", side_car.meta.seat)));
    all.push(field(record, "时间", &side_car.started_local));
    all.push(field(record, "时间长度", length(sealed.duration_ms)));
    all.push(field(record, "保管期限", format!("至 {}（首个可销毁日）", sealed.keep_until)));
    all.extend(["密级", "控制标识", "开放状态"].map(|name| owners(record, name)));
    all.push(field(record, "工单号", order.ticket.clone().unwrap_or_default()));
    all.push(field(record, "通话标识", sealed.call.to_string()));
    let (codec, bits) = match side_car.format {
        Format::Alaw => ("G.711 A 律", "8"),
        Format::Mulaw => ("G.711 µ 律", "8"),
        Format::Pcm16 => ("PCM", "16"),
    };
    let form = "形式特征";
    all.push(field(form, "格式信息", "WAV（RIFF WAVE）"));
    all.push(field(form, "音频编码标准", codec));
    all.push(field(form, "音频采样率", format!("{} Hz", side_car.sample_rate)));
    all.push(field(form, "音频量化位数", bits));
    all.push(field(form, "声道", "2（左：市民；右：市民所听到的各方）"));
    all.push(field(form, "试听文件", MIX));
    for file in sealed.files.iter() {
        all.push(field(form, "计算机文件名", &file.file));
        all.push(field(form, "计算机文件大小", file.bytes.to_string()));
        all.push(field(form, "数字摘要（SHA-256）", &file.sha256));
        all.extend(file.sm3.as_ref().map(|sm3| field(form, "数字摘要（SM3）", sm3)));
    }
    let signed =
        listed.map_or("尚未列入清单".to_owned(), |name| format!("清单 {name}.jsonl，Ed25519，密钥 {key}"));
    all.push(field(form, "电子签名", signed));
    let business = "业务实体";
    all.push(field(business, "业务描述", format!("政务服务便民热线 {} 通话", side_car.meta.hotline)));
    all.push(field(business, "业务开始时间", &side_car.started_local));
    all.push(field(business, "业务结束时间", retention::local_text(sealed.ended)));
    let sealed_at = sealed.sealed_at.map(retention::local_text).unwrap_or_default();
    for (number, deed, at, who, why) in [
        ("1", "形成并封存", sealed_at, "hotline", "通话结束"),
        ("2", "导出", made, order.who.as_str(), order.purpose.as_str()),
    ] {
        let group = "管理活动";
        all.push(field(group, "管理活动标识符", number));
        all.push(field(group, "管理行为", deed));
        all.push(field(group, "管理时间", at));
        all.push(field(group, "机构人员标识符", who));
        all.push(field(group, "管理活动描述", why));
    }
    all
}

/// `00:03:05.120`
fn length(ms: u64) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}

pub fn json(fields: &[Field]) -> io::Result<Vec<u8>> {
    let text = serde_json::json!({ "scheme": "DA/T 63-2017", "format": 1, "fields": fields });
    let mut text = serde_json::to_vec_pretty(&text)?;
    text.push(b'\n');
    Ok(text)
}

pub fn xml(fields: &[Field]) -> Vec<u8> {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<录音电子档案 方案=\"DA/T 63-2017\">\n".to_owned();
    for Field { group, number, name, value } in fields {
        let number = number.map(|number| format!(" 编号=\"{number}\"")).unwrap_or_default();
        let of = format!("<元数据 实体=\"{group}\"{number} 名称=\"{name}\"");
        match value {
            Some(value) => text.push_str(&format!("  {of}>{}</元数据>\n", escaped(value))),
            None => text.push_str(&format!("  {of} 来源=\"由立档单位著录\"/>\n")),
        }
    }
    text.push_str("</录音电子档案>\n");
    text.into_bytes()
}

/// Text between tags or quotes of XML and HTML; what XML 1.0 cannot hold is left out.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => out.push(letter),
        }
    }
    out
}
