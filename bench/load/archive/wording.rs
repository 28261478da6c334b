//! What citizens say, from a small grammar: some things are said every day, some once in a year.

use super::dice::Dice;

const WHO: [&str; 8] = ["市民", "来电人", "群众", "业主", "商户", "居民", "家长", "村民"];
const AREAS: [&str; 6] = ["珠山区", "昌江区", "乐平市", "浮梁县", "高新区", "陶瓷工业园"];
const ROADS: [&str; 20] = [
    "新村路",
    "瓷都大道",
    "广场南路",
    "西山路",
    "朝阳路",
    "昌南大道",
    "中华北路",
    "珠山中路",
    "沿江东路",
    "景东大道",
    "曙光路",
    "新风路",
    "通站路",
    "为民路",
    "浙江路",
    "莲社路",
    "梨树园",
    "老鸭滩",
    "马鞍山路",
    "迎宾大道",
];
const ESTATES: [&str; 16] = [
    "阳光", "锦绣", "金鼎", "御窑", "昌河", "翰林", "紫荆", "名门", "春天", "滨江", "华府", "景秀", "东方", "和谐",
    "天宝", "枫树",
];
/// The first are said most often.
const MATTERS: [&str; 40] = [
    "物业不作为，垃圾无人清理",
    "路灯不亮，晚上出行不便",
    "夜间施工噪音扰民",
    "小区停水没有通知",
    "违章停车堵塞消防通道",
    "楼上房屋漏水",
    "公交车长时间不来",
    "拖欠农民工工资",
    "医保报销进度缓慢",
    "油烟扰民，商家拒不整改",
    "学校周边交通拥堵",
    "占道经营影响通行",
    "快递被错投",
    "出租车拒载",
    "电梯经常故障困人",
    "燃气价格咨询",
    "公积金提取材料咨询",
    "社保缴费年限咨询",
    "户口迁移如何办理",
    "下水道堵塞污水外溢",
    "路面坑洼积水",
    "违法建筑举报",
    "食品过期举报",
    "培训机构退费难",
    "预付卡商家跑路",
    "宽带无法退订",
    "供电不稳定经常跳闸",
    "充电桩被占用",
    "广场舞音乐声音过大",
    "流浪犬伤人",
    "树木遮挡采光",
    "工厂排放刺鼻气味",
    "河道垃圾漂浮",
    "低保申请进度",
    "残疾证办理",
    "不动产登记咨询",
    "驾驶证换证咨询",
    "房屋租赁押金不退",
    "网购商品质量问题",
    "表扬工作人员热情负责",
];
const WISHES: [&str; 8] = [
    "请相关部门尽快处理",
    "希望回复处理结果",
    "要求现场核实",
    "请转住建局处理",
    "市民表示不满",
    "已多次反映未解决",
    "望告知办理流程",
    "请尽快联系本人",
];
/// Each in some fifty of all texts, whatever their number.
const RARE: [&str; 12] =
    ["白蚁", "马蜂窝", "陨石", "古墓", "蝙蝠", "龙卷风", "眼镜蛇", "防空洞", "无人机", "野猪", "瓷土矿", "文物"];
const HOT: [&str; 8] = ["物业", "路灯", "噪音", "停水", "扰民", "漏水", "小区", "尽快处理"];

pub fn hot(dice: &mut Dice) -> &'static str {
    HOT[dice.below(HOT.len())]
}

pub fn rare(dice: &mut Dice) -> &'static str {
    RARE[dice.below(RARE.len())]
}

/// Place and text of a ticket; `rare` is the share of texts with a word that is hardly ever said.
pub fn ticket(dice: &mut Dice, rare: f64) -> (String, String) {
    let place = format!("{}{}{}号", dice.hot(&AREAS), dice.pick(&ROADS), 1 + dice.below(300));
    let estate =
        format!("{}{}{}栋", dice.pick(&ESTATES), if dice.chance(0.7) { "小区" } else { "花园" }, 1 + dice.below(40));
    let mut text = format!("{}反映{estate}{}", dice.pick(&WHO), dice.hot(&MATTERS));
    if dice.chance(0.3) {
        text.push_str(&format!("，已持续{}天", 1 + dice.below(60)));
    }
    if dice.chance(rare) {
        text.push_str(&format!("，另发现{}", dice.pick(&RARE)));
    }
    (place, format!("{text}，{}。", dice.hot(&WISHES)))
}
