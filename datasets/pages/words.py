"""Words for drawn pages, in Chinese and English: what offices, schools and shops print on paper."""

import numpy as np

CHINESE, ENGLISH = "zh", "en"


def _split(items: str, separator: str = " ") -> list[str]:
    return items.split(separator)


_ENGLISH_WORDS = _split(
    "account address agreement amount annual annex answer applicant approval area article assessment audit "
    "average balance basis batch board branch budget building cable capacity category centre certificate "
    "change charge chart check class client code column committee company condition content contract control "
    "cost course customer daily data date deadline delivery department deposit description design detail "
    "device direct document draft duty effect employee energy engine equipment estimate event example "
    "exchange expense export factor fee field figure file final floor form frame freight fund general goods "
    "grade grant group guide half head heating height home hour import income index input inspection "
    "insurance interest invoice issue item job journal key label labour land language law ledger length level "
    "licence limit line list load loan local lot machine main manager manual map market material maximum "
    "meeting member memo message method meter minimum model module month name network note notice number "
    "object offer office operation option order output owner package page panel paper part party pass payment "
    "period permit person phone place plan plant plate point policy port position post power price principal "
    "print process product profit project property protocol public pump purchase quality quantity quarter "
    "question rate ratio reason receipt record reference region register remark rent repair report request "
    "reserve result return review room route rule safety salary sale sample schedule school score section "
    "sector service sheet shift shipment sign site size source space staff stage standard state station "
    "status steel step stock storage store street strength student subject sum supplier supply surface survey "
    "system table tax teacher team temperature tender term test text time title tool total town trade "
    "training transfer transport treaty type unit use user value valve vehicle version visit volume voucher "
    "wage warehouse waste water week weight wire work year zone"
)
_ENGLISH_SMALL = _split("the of and to in is for that on with as be by are this at from or it was which an not")
_ENGLISH_NAMES = _split(
    "Anna Baker,John Carter,Maria Lopez,David Chen,Emma Fischer,Peter Novak,Laura Rossi,James Hall,Sofia Berg,"
    "Omar Haddad,Nina Petrova,Lucas Martin,Grace Kim,Paul Weber,Julia Santos,Henry Ward",
    ",",
)
_ENGLISH_HEADS = _split(
    "No.,Item,Name,Date,Amount,Unit,Qty,Price,Total,Remarks,Code,Type,Status,Department,Description,Result,"
    "Score,Signature,Ref.,Class,Standard,Value,Rate,Period,Place,Phone,Mon,Tue,Wed,Thu,Fri,Room,Weight,Model",
    ",",
)
_ENGLISH_LABELS = _split(
    "Name,Address,Date,Telephone,Company,Department,Order no.,Account,Signature,Postcode,Contact,Invoice no.,"
    "Applicant,Position,Purpose,E-mail,Bank,Issued by,Approved by,Date of birth,Nationality,Course,"
    "Student no.",
    ",",
)
_ENGLISH_TITLES = _split(
    "Annual Report,Purchase Order,Inspection Record,Application Form,Delivery Note,Invoice,Price List,"
    "Attendance Sheet,Time Schedule,Summary of Expenses,Register of Members,Test Results,Minutes of Meeting,"
    "Contract of Sale,Notice to Staff,Equipment List,Quality Certificate,Final Examination,"
    "Statement of Account,Project Plan",
    ",",
)

_CHINESE_WORDS = _split(
    "项目 单位 名称 金额 数量 日期 编号 备注 地址 电话 姓名 部门 合同 工程 设备 材料 规格 型号 标准 检验 结果 "
    "合格 记录 管理 计划 申请 审批 意见 负责人 签字 盖章 公司 有限 责任 技术 服务 质量 安全 生产 建设 施工 "
    "监理 验收 报告 年度 月份 总计 小计 收入 支出 费用 预算 财务 会计 出纳 银行 账号 发票 税率 税额 含税 单价 "
    "合计 人民币 元整 交货 运输 仓库 入库 出库 库存 客户 供应商 采购 销售 市场 产品 学校 班级 学生 教师 课程 "
    "成绩 考试 语文 数学 英语 物理 化学 历史 地理 政治 体育 音乐 美术 时间 地点 会议 内容 主持 参加 人员 说明 "
    "依据 规定 办法 条例 实施 执行 有关 要求 情况 问题 措施 建议 工作 完成 进行 根据 按照 应当 可以 不得 以及 "
    "并且 如果 因此 为了 关于 通知 附件 文件 资料 信息 系统 网络 软件 电脑 打印 复印 身份证 户口 籍贯 民族 "
    "汉族 出生 性别 男 女 婚姻 学历 本科 专业 职称 职务 工资 奖金 补贴 保险 医疗 医院 检查 诊断 治疗 药品 "
    "病历 科室 护士 医生 温度 湿度 压力 流量 速度 长度 宽度 高度 面积 体积 重量 北京 上海 广州 深圳 南京 武汉 "
    "成都 西安 杭州 天津 重庆 苏州 研究 分析 方法 实验 数据 模型 理论 应用 发展 经济 社会 文化 教育 科学 环境 "
    "保护 资源 能源 电力 水利 交通 道路 桥梁 房屋 土地 农业 工业 商业 贸易 进口 出口 国际 国内 投资 股份 利润 "
    "增长 比例 平均 最高 最低 第一 第二 第三 甲方 乙方 双方 协议 条款 违约 责任 期限 生效 终止 法律 法院 证明 "
    "兹有 特此 同意 批准 主管 领导 经理 主任 科长 处长 局长 组长 成员 小组 委员会 的 和 与 在 为 对 从 到 是 "
    "有 等"
)
_CHINESE_NAMES = _split(
    "王伟 李娜 张强 刘洋 陈静 杨帆 赵敏 黄磊 周婷 吴刚 徐丽 孙浩 马超 朱琳 胡军 郭明 何芳 林峰 高翔 罗丹"
)

_CHINESE_HEADS = _split(
    "序号 名称 规格型号 单位 数量 单价 金额 备注 日期 姓名 部门 内容 结果 编号 类别 负责人 签字 电话 地址 "
    "时间 项目 标准 合计 成绩 班级 学号 星期一 星期二 星期三 星期四 星期五 检查项目 完成情况 评分 比例 期初 "
    "期末 本月 累计 税额"
)
_CHINESE_LABELS = _split(
    "姓名 性别 出生年月 单位名称 联系电话 地址 日期 编号 部门 申请人 经办人 审核 批准 开户银行 账号 身份证号 "
    "班级 学号 课程名称 合同编号 项目名称 负责人 备注 签字 邮政编码 职务 专业"
)
_CHINESE_TITLES = _split(
    "工程质量检验记录表 采购申请单 费用报销单 员工登记表 会议纪要 产品价格表 设备清单 课程表 成绩统计表 "
    "入库单 销售合同 财务收支明细表 年度工作总结 关于加强安全管理的通知 期末考试试卷 体检报告 施工日志 考勤表 "
    "项目进度计划表 证明 收据 资产负债表 材料验收单 客户信息表"
)


# What it writes: words of a sentence, one in so many of English ones a small one; counts and amounts as powers of ten;
# years of a date. Second ends of whole numbers are exclusive.
SENTENCE_WORDS, SMALL_WORD_CHANCE = (6, 16), 0.4
COUNT_POWERS, MONEY_POWERS, THOUSANDS_CHANCE = (0, 4), (0.5, 5), 0.5
CODES, YEARS = (100, 99999), (1995, 2030)
MONTHS, DAYS = (1, 13), (1, 29)  # every month has the days


class Writer:
    """Draws what a page says, in one language.

    Attributes:
        language: `CHINESE` or `ENGLISH`.
    """

    def __init__(self, rng: np.random.Generator, language: str) -> None:
        self.rng = rng
        self.language = language
        chinese = language == CHINESE
        self._words = _CHINESE_WORDS if chinese else _ENGLISH_WORDS
        self._heads = _CHINESE_HEADS if chinese else _ENGLISH_HEADS
        self._labels = _CHINESE_LABELS if chinese else _ENGLISH_LABELS
        self._titles = _CHINESE_TITLES if chinese else _ENGLISH_TITLES
        self._names = _CHINESE_NAMES if chinese else _ENGLISH_NAMES

    def _pick(self, items: list[str]) -> str:
        return items[int(self.rng.integers(len(items)))]

    def title(self) -> str:
        """A heading of a page."""
        return self._pick(self._titles)

    def head(self) -> str:
        """A heading of a table's column."""
        return self._pick(self._heads)

    def label(self) -> str:
        """A label of a form's field."""
        return self._pick(self._labels)

    def name(self) -> str:
        """A person."""
        return self._pick(self._names)

    def phrase(self, longest: int = 3) -> str:
        """One to `longest` words, as in a cell of a table."""
        words = [self._pick(self._words) for _ in range(int(self.rng.integers(1, longest + 1)))]
        return "".join(words) if self.language == CHINESE else " ".join(words).capitalize()

    def sentence(self) -> str:
        """A sentence without meaning that looks like one."""
        words = []
        for _ in range(int(self.rng.integers(*SENTENCE_WORDS))):
            if self.language == ENGLISH and self.rng.random() < SMALL_WORD_CHANCE:
                words.append(self._pick(_ENGLISH_SMALL))
            words.append(self._pick(self._words))
        if self.language == CHINESE:
            middle = len(words) // 2
            return "".join(words[:middle]) + "，" + "".join(words[middle:]) + "。"
        return " ".join(words).capitalize() + "."

    def number(self) -> str:
        """A count."""
        return str(int(10 ** self.rng.uniform(*COUNT_POWERS)))

    def money(self) -> str:
        """An amount with two decimals, sometimes with thousands set apart."""
        amount = 10 ** self.rng.uniform(*MONEY_POWERS)
        return f"{amount:,.2f}" if self.rng.random() < THOUSANDS_CHANCE else f"{amount:.2f}"

    def code(self) -> str:
        """A serial number."""
        letters = "".join(chr(ord("A") + int(k)) for k in self.rng.integers(0, 26, 2))
        return f"{letters}-{int(self.rng.integers(*CODES)):05d}"

    def date(self) -> str:
        """A day of these decades."""
        year, month, day = (
            int(self.rng.integers(*YEARS)),
            int(self.rng.integers(*MONTHS)),
            int(self.rng.integers(*DAYS)),
        )
        style = int(self.rng.integers(3))
        if self.language == CHINESE and style == 0:
            return f"{year}年{month}月{day}日"
        return f"{year}-{month:02d}-{day:02d}" if style < 2 else f"{day:02d}.{month:02d}.{year}"
