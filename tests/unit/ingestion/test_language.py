"""The language of a document decides which words BM25 holds for the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.language import detect

SAMPLES = {
    "english": "Full-time employees get 25 days of paid leave, and they apply for it in time.",
    "german": "Vollzeitkräfte erhalten 25 Tage bezahlten Urlaub, den sie rechtzeitig beantragen.",
    "french": "Les salariés à temps plein ont droit à vingt-cinq jours de congés payés par an.",
    "spanish": "Los empleados a tiempo completo tienen derecho a veinticinco días de vacaciones.",
    "italian": "I dipendenti a tempo pieno hanno diritto a venticinque giorni di ferie all'anno.",
    "portuguese": "Os funcionários têm direito a vinte e cinco dias de férias pagas por ano.",
    "dutch": "Medewerkers met een voltijdbaan hebben recht op vijfentwintig vakantiedagen.",
    "swedish": "Heltidsanställda har rätt till tjugofem dagars betald semester varje år.",
    "danish": "Fuldtidsansatte har ret til femogtyve dages betalt ferie hvert eneste år.",
    "finnish": "Kokoaikaisilla työntekijöillä on oikeus kahdenkymmenenviiden päivän lomaan.",
    "hungarian": "A teljes munkaidős alkalmazottak évente huszonöt nap szabadságra jogosultak.",
    "turkish": "Tam zamanlı çalışanların yılda yirmi beş gün ücretli izin hakkı vardır.",
    "romanian": "Angajații cu normă întreagă au dreptul la douăzeci și cinci de zile de concediu.",
    "polish": "Pracownikom zatrudnionym w pełnym wymiarze przysługuje dwadzieścia sześć dni.",
    "vietnamese": "Nhân viên toàn thời gian được nghỉ phép hai mươi lăm ngày mỗi năm.",
    "russian": "Сотрудникам предоставляется ежегодный оплачиваемый отпуск двадцать пять дней.",
    "ukrainian": "Працівники мають право на щорічну оплачувану відпустку тривалістю двадцять днів.",
    "arabic": "يحق للموظفين بدوام كامل الحصول على خمسة وعشرين يوما من الإجازة السنوية.",
    "persian": "کارکنان تمام وقت سالانه از بیست و شش روز مرخصی استحقاقی برخوردارند.",
    "urdu": "کل وقتی ملازمین کو سالانہ پچیس دن کی تنخواہ کے ساتھ چھٹی ملتی ہے۔",
    "hindi": "पूर्णकालिक कर्मचारियों को हर साल पच्चीस दिन का सवेतन अवकाश मिलता है।",
    "greek": "Οι εργαζόμενοι πλήρους απασχόλησης δικαιούνται είκοσι πέντε ημέρες άδειας.",
    "hebrew": "עובדים במשרה מלאה זכאים לעשרים וחמישה ימי חופשה בתשלום בשנה.",
    "thai": "พนักงานประจำได้รับวันลาพักร้อนยี่สิบห้าวันต่อปี",
    "korean": "정규직 직원은 연간 25일의 유급 휴가를 받습니다.",
    "chinese": "全职员工每年享有25天带薪年假，须提前申请。",
    "japanese": "正社員には年25日の有給休暇が与えられます。",
}


@pytest.mark.parametrize("language", SAMPLES)
def test_one_sentence_is_enough(language: str) -> None:
    assert detect(SAMPLES[language]) == language


@pytest.mark.parametrize("nothing", ["", "\n\n", "2024-11-03 | 17.5 | 0.3", "ACME", "```\nx\n```"])
def test_what_is_no_prose_has_no_language(nothing: str) -> None:
    assert detect(nothing) == ""


@pytest.mark.parametrize("fence", ["```python\n{}\n```", "~~~\n{}\n~~~", "```\n{}"])
def test_code_does_not_outvote_the_prose_around_it(fence: str) -> None:
    code = fence.format(
        "for item in the_list_of_items:\n    print('this is the item', item)\n" * 40
    )

    assert detect(f"# Anleitung\n\n{SAMPLES['german']}\n\n{code}") == "german"


def test_addresses_and_paths_do_not_count() -> None:
    links = "\n".join(f"- [x](https://example.com/the/list/of/all/items-{n})" for n in range(50))

    assert detect(f"{links}\n\n{SAMPLES['polish']}") == "polish"


def test_foreign_words_in_a_text_do_not_change_its_language() -> None:
    assert detect(f"Microsoft Windows Server 2022, SQL Server\n{SAMPLES['japanese']}") == "japanese"
    assert detect(f"{SAMPLES['chinese'] * 4}他在东京的「カフェ」工作。") == "chinese"
    assert detect(f"{SAMPLES['russian']} (Adobe Acrobat Reader DC)") == "russian"


def test_a_cover_in_another_language_does_not_decide_a_long_document() -> None:
    text = f"{SAMPLES['english']}\n\n" * 6 + f"{SAMPLES['german']}\n\n" * 100

    assert detect(text) == "german"


@given(st.text())
def test_no_text_is_refused(text: str) -> None:
    assert detect(text) == detect(text)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "hostile",
    ["](" * 500_000, "`" * 1_000_000, "<" * 1_000_000, "@" * 1_000_000, "```\n~~~\n" * 99_999],
)
def test_no_text_takes_long(hostile: str) -> None:
    assert detect(hostile) == ""
