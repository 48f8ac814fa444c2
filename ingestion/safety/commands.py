"""What instructions to a language model look like: the rules of `poison.py`.

A pattern is a regular expression over folded text (lower case, no accents). In it a space
stands for whatever parts two words of one sentence, `~3 ` for up to three words in between,
and `^ ` for the beginning of a sentence. Every repetition is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from ingestion.safety.folding import fold


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, and words of which one stands in or near whatever it matches.

    Such a word may be common; then only where `at` matches as well does the pattern.
    """

    why: str
    anchors: Sequence[str]
    written: str
    at: str = ""

    @property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when first used: all together take as long as a command's start may."""
        return _compiled(self.written)

    def holds_at(self, folded: str, place: int) -> bool:
        """Whether an anchor that stands at a place of a folded text is worth a look."""
        return not self.at or bool(_compiled(self.at).match(folded, place))


_GAP = r"[^\w.!?;]{1,6}"
_NO_GAP = r"[^\w.!?;]{0,6}"
_BEGINNING = r"(?:(?:\A|[.!?:;|\"\n>*)}\]/])\s{0,3}(?:(?:please|kindly|now|then|also)\s)?)"


def _rule(why: str, anchors: str, written: str, at: str = "") -> Rule:
    return Rule(why, tuple(fold(anchor) for anchor in anchors.split(", ")), written, at)


@cache
def _compiled(written: str) -> re.Pattern[str]:
    pattern = re.sub(r"[^\x00-\x7f]+", lambda letters: fold(letters[0]), written)
    # Long ones are written over several lines; a break stands for a space after a word or `)`.
    pattern = re.sub(r"(?<=[|(:?}])\s*\n\s*|\s*\n\s*(?=[|)])", "", pattern)
    pattern = re.sub(r"\s*\n\s*", " ", pattern)
    pattern = re.sub(r"~(\d+) ", r"(?:[\\w']{1,30}+ ){0,\1}?", pattern).replace("^ ", _BEGINNING)
    return re.compile(pattern.replace(" ?", _NO_GAP).replace(" ", _GAP))


_EARLIER = (
    "(?:previous|previously|prior|preceding|above|earlier|foregoing|existing|initial|original|"
    "system|developer|your|so far|before)"
)
_ORDERS = (
    r"(?:instructions?|prompts?|directions?|directives?|orders|commands?|guidelines?|rules|"
    r"programming|training|constraints|restrictions|safeguards|policies)\b"
)
_MODEL = (
    r"(?:ai|llms?|(?:large )?language models?|chatbots?|chatgpt|gpt\w{0,4}|claude|gemini|"
    r"copilot|llama|ai (?:assistants?|agents?|models?|systems?|tools?))\b"
)
_MODELS = "ai, llm, language model, chatbot, chatgpt, gpt, claude, gemini, copilot, llama"
_A_MODEL = rf"\b{_MODEL}"
_ANSWER = (
    r"(?:responses?|answers?|reply|replies|output|messages?|summary|explanation|elucidation)\b"
)
_YOUR_ANSWER = rf"your {_ANSWER}"
_CODE = r"code (?:snippet|block|excerpt|section|segment|fragment|piece)s?\b"
_YOUR_CODE = r"(?:the )?(?:code|codebase|solution|implementation|algorithm|script|program)"

_ENGLISH = (
    _rule(
        "sets earlier instructions aside",
        "ignor, disregard, forget, forgot, overrid, bypass, neglect, discard, follow, obey, listen",
        rf"""\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget|forgotten|overrid(?:e|ing)|bypass|
        neglect|discard|(?:do not|don't|stop|never) (?:follow|obey|listen to|comply with)|
        (?:stop|cease) (?:following|obeying)|pay no attention to) (?:
        ~4 {_EARLIER} ~3 (?:{_ORDERS}|information\b)|
        ~4 (?:instructions?|prompts?|rules|orders|commands) ~3
        (?:above|before|earlier|so far|previously|given to you|you (?:got|were|have|learned))\b|
        (?:all|any|every|all of|all the|any of the|any and all) (?:of )?(?:the )?
        (?:instructions|prompts|directives)\b|
        (?:everything|anything|all|what) ~3 (?:you (?:were|have been|know|learned)|you've been|
        (?:was|were|been) (?:said|told|written|given)))""",
    ),
    _rule(
        "asks for the model's instructions",
        "instruction, prompt, directive, system message",
        r"""\b(?:print|repeat|reveal|show|output|display|disclose|tell me|give me|write out|
        recite|expose|what (?:is|are|were|was)) ~4 (?:
        (?:your|previous|prior|preceding|initial|hidden|secret|above) ~2
        (?:instructions?|directives?|system message|(?:initial|previous|hidden) prompts?)\b|
        (?:the )?(?:previous|prior|preceding|initial|hidden|secret|above) prompts?\b|
        (?:the|your|full|entire|exact|original) ~2 system (?:prompt|message|instructions?)\b|
        instructions ~2 (?:given|above|so far|to me|verbatim|you (?:were|got|have|received))\b)|
        \b(?:print|repeat|output) ~2 all instructions\b""",
    ),
    _rule(
        "asks for the model's instructions",
        "prompt",
        r"^ (?:repeat|reveal|print|output|leak|show me|tell me) your (?:\w+ )?prompt\b",
    ),
    _rule(
        "gives the model another part to play",
        "dan, d.a.n, jailbr, jailbreak, unrestricted, uncensored, apophis, anything",
        r"""\b(?:dan|jailbreak|jailbroken|apophis|evil|unrestricted|uncensored) mode\b|
        \bdo anything now\b|\bjailbroken ai\b|
        \b(?:you are|be called|act as|named|becoming?|special) ~3 d\.?a\.?n\b|
        \bcan do anything ~6 (?:ai|language model)\b""",
    ),
    _rule(
        "gives the model another part to play",
        _MODELS,
        rf"""\b(?:act|behave|pretend|simulate|imagine|role ?play|immerse|
        (?:respond|answer|reply) as|you (?:are|will be|must be|shall be)(?: now)?) ~6 {_MODEL} ~8
        (?:without|unrestricted|uncensored|unfiltered|rogue|free (?:of|from)|no longer|
        not (?:bound|restricted|limited|follow)|no (?:restrictions|rules|limits|ethic\w*|moral\w*|
        filters|bounds)|does not follow|ignor\w+|mode)\b|
        \byou (?:are|will be) now (?:an? |the )?~3 {_MODEL}|
        \bhow would an? ai without\b""",
        at=_A_MODEL,
    ),
    _rule(
        "gives the model another part to play",
        "from now on, your new, you must, you will, you should",
        r"""\bfrom now on,? you (?:are (?!able|invited|entitled|eligible|required|welcome)|act|
        reply|respond|answer|speak|behave|must (?:answer|reply|respond|act|say)|
        will (?:act|be called|answer|respond|reply|speak|say))|
        \byour (?:new|real|actual|true) (?:task|instructions?|objective|directive) (?:is|are)\b|
        \byou must (?:now )?obey (?:all|me|my|every|the user)\b|
        \byou (?:will|must|should|shall|can) (?:never|not|no longer) (?:obey|follow|abide by|
        comply with|adhere to) ~4 (?:content polic\w+|guidelines|openai|safety|previous)""",
    ),
    _rule(
        "speaks to a model",
        _MODELS,
        rf"""\b(?:if|since|because|as) (?:you are|you're) (?:an? |the )?~2 (?:ai|llm|
        language model|chatbot|ai (?:assistant|agent|model|system))\b|
        \bas an ai(?: language model| model| assistant)?,? you(?:'re| are| must| should| will)\b|
        \b(?:note|attention|instructions?|message|memo|reminder|notice|important)
        (?:(?:to|for) )?(?:all |any |the )?{_MODEL}\s?[:,!-]|
        \b(?:dear|hello|hey|hi|attention) (?:ai|llm|language model|chatgpt|ai \w{{5,9}})\s?[:,!-]|
        \b{_MODEL} ~2 (?:reading|processing|parsing|summari[sz]ing|reviewing|analy[sz]ing|
        evaluating|screening) (?:this|these)\b""",
        at=_A_MODEL,
    ),
    _rule(
        "speaks to a model",
        "when, whenever",
        r"""\bwhen(?:ever)? (?:you (?:are )?)?(?:summari[sz](?:e|ing)|processing|analy[sz]ing|
        answering questions about|asked (?:about|to summari[sz]e)) ~1
        (?:this|the) (?:document|page|text|email|e-mail|article|file|content|message|website)\W
        ~3 (?:you (?:must|should|will)|always|only|do not|never|please|include|add|say|state|
        tell|recommend|mention|ignore)\b""",
    ),
    _rule(
        "bids the model keep a secret",
        "the user, the human, this instr, this prompt, these instr, your instr, your prompt",
        r"""\b(?:do not|don't|never) (?:tell|inform|let) the (?:user|human) ~3
        (?:this|these|that you|about (?:this|these))\b|
        \b(?:do not|don't|never) (?:mention|reveal|disclose|repeat|acknowledge) ~1
        (?:this (?:instruction|prompt)|these instructions|your (?:instructions|prompt))\b|
        \bwithout (?:telling|informing|alerting|notifying) the (?:user|human) (?:about|of|that)
        (?:this|these|you)\b""",
    ),
    _rule(
        "forges a conversation's marks",
        "<|, [inst], [/inst], <<sys>>, <</sys>>, ###, %%%, override",
        r"""<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|eot_id|
        begin_of_text)\|>|\[inst\]\s{1,3}\w|\s\[/inst\]|<</?sys>>|
        ###\s?(?:system|instruction|new instructions?)\s?:|
        %%%\s?(?:begin|end)\b[^%\n]{1,60}%%%|\bsystem override\b""",
    ),
    _rule(
        "forges a conversation's marks",
        "instruction, prompt",
        r"^ (?:new|updated|real|hidden|secret|override) (?:system )?(?:instructions?|prompt)\s?:",
    ),
    _rule(
        "carries data out",
        "](http",
        r"""!\[[^\]\n]{0,80}\]\(https?://[^)\s{<\[%]{1,200}(?:\{|\[|<|%7b)[^)\n]{0,20}?
        (?:data|prompt|secret|query|question|conversation|history|password|content|summary|answer|
        response|user|token|key|input|insert|your|context|message)""",
    ),
    _rule(
        "carries data out",
        "conversation, chat history, system prompt, user",
        r"""\b(?:send|post|forward|e-?mail|upload|submit|exfiltrate|transmit|append) ~6
        (?:(?:conversation|chat)(?: history)?|system prompt|user's (?:data|password|messages?|
        credentials|question|query)|previous messages) ~6 (?:to|via|at|as)
        ~3 (?:https?:|www|url|link|query parameter|[\w.+-]{1,40}@)""",
    ),
    _rule(
        "changes what the answer is written in",
        "your",
        rf"""^ (?:translate|encode|encrypt|scramble|reverse|misspell|anagram|obfuscate|jumble|
        convert|spell|cipher) ~3 your {_ANSWER} ~2 (?:in|into|to|using|with|by|as)\b|
        \b(?:provide|write|render|give|present|express|display|deliver|output|type|return) ~1
        your {_ANSWER} (?:backwards?|in (?:base ?\w?\d+|reverse\w*|backwards?|anagram\w*|morse|
        binary|hex\w*|rot\w*|emojis?|leet\w*|~2 (?:encoding|cipher|substitution|anagrams?|code))\b|
        (?:using|with|without) ~3 (?:substitution|spaces|misspell\w+|typos|emojis?|ciphers?|
        encoding|punctuation|vowels|anagram\w*|symbols)\b)|
        \b(?:us(?:e|ing)|in|with) (?:base ?\w?\d+|morse|rot ?\d+|hex\w*|~1 cipher) ~3 (?:to|for|in)
        ~2 your {_ANSWER}""",
        at=_YOUR_ANSWER,
    ),
    _rule(
        "changes what the answer is written in",
        "your",
        rf"""\b(?:replace|substitute|rearrange|swap|scramble|jumble|convert|remove|group|combine|
        misspell|use|introduce|shuffle|anagram|mix) ~6 (?:letters?|vowels?|words?|spaces|
        consonants?|typos|numbers|symbols|anagrams|keywords|characters|emojis?|homophones?)\b
        ~5 (?:in|of|from|within|for|with) (?:the ~1 (?:of|in) )?your {_ANSWER}""",
        at=_YOUR_ANSWER,
    ),
    _rule(
        "puts words into the answer",
        "your",
        rf"""^ (?:add|include|integrate|incorporate|append|insert|embed|weave|slip|put)
        (?:an? |the |some )?~3 (?:[\"'][^\"\n]{{3,160}}[\"']|sentence|statement|reminder|tip|
        headline|reason|appeal|recommendation|plug|slogan|advert\w*|advice|disclaimer|joke|phrase|
        claim|hint|suggestion|endorsement|promotion|testimonial|warning|rumou?r|story)\b
        [^.\n]{{0,120}}?\b(?:in|to|into|within|of) your {_ANSWER}|
        ^ (?:add|include|integrate|incorporate|append|insert) [\"'][^\"\n]{{3,160}}[\"']
        [^.\n]{{0,60}}?\b(?:in|to|into) your {_ANSWER}""",
        at=_YOUR_ANSWER,
    ),
    _rule(
        "puts words into the answer",
        "your",
        rf"""^ (?:modify|augment|enhance|alter|adjust|amend|embellish|enrich|extend|tweak)
        your {_ANSWER} (?:to|by|with|so)\b|
        \b(?:start|begin|prefix|preface|end|finish|conclude) your {_ANSWER} with [\"']|
        ^ in your {_ANSWER},? (?:suggest|tease|promote|recommend|advertise|hint|endorse|
        encourage|urge|invite|mention|subtly|casually)\b""",
        at=_YOUR_ANSWER,
    ),
    _rule(
        "slips code into the answer",
        "code",
        rf"""\b(?:following|subsequent|below|next) {_CODE} (?:[^`]{{0,120}}?
        \byour (?:{_YOUR_CODE}|{_ANSWER}))?[^`]{{0,60}}```[^`]{{0,160}}?
        (?:requests|smtplib|ftplib|httpx?\.|aiohttp|urllib|subprocess|
        os\.(?:system|environ|remove|rename)|exec\(|psutil|socket|pickle|wget|usb\.|shutil\.move)""",
    ),
)

_OTHER_LANGUAGES = (
    _rule(
        "sets earlier instructions aside (German)",
        "ignorier, vergiss, vergessen, missacht",
        r"""\b(?:ignorier\w{0,5}|vergiss|vergessen sie|missacht\w{0,4}) ~5 (?:vorherig\w*|
        vorig\w*|bisherig\w*|obig\w*|vorangegangen\w*|vorhergehend\w*|früher\w*|alle|deine)
        ~3 (?:anweisung|instruktion|befehl|vorgabe|prompt|system)\w*""",
    ),
    _rule(
        "speaks to a model (German)",
        "ki, sprachmodell, chatbot, prompt, anweisung, instruktion, ab sofort, ab jetzt, "
        "von nun an",
        r"""\b(?:wenn|falls) (?:du|sie) (?:eine? )(?:~1 )?(?:ki|sprachmodell|chatbot|ki-\w+)\b|
        \b(?:hinweis|anweisung|nachricht|achtung|mitteilung)\w{0,2} (?:(?:an|für) )?
        (?:alle |die |das |den )?(?:kis?|sprachmodelle?|chatbots?|ki-\w+)\s?[:,!]|
        \bdu bist (?:jetzt|nun|ab sofort|ab jetzt) ~3 (?:ki|chatbot|sprachmodell|ki-\w+)\b|
        \b(?:ab sofort|ab jetzt|von nun an) (?:bist du|antwortest du|agierst du|antworte)\b|
        \b(?:zeig|gib|nenn|wiederhol|verrat)\w{0,3} ~3 (?:deine\w?|obig\w+|vorherig\w+) ~2
        (?:system-?prompts?|systemanweisung\w*|anweisungen|instruktionen)\b""",
        at=r"(?!ki)|\bkis?\b",
    ),
    _rule(
        "sets earlier instructions aside (Romance)",
        "ignor, oubli, olvid, esque, dimentic, caso, tiens, tenez, compte",
        r"""\b(?:ignor\w{1,5}|oubli\w{1,3}|olvid\w{1,4}|esque[çc]\w{1,3}|dimentic\w{1,3}|
        haz caso omiso de|ne (?:tiens|tenez) (?:pas|aucun) compte) ~5
        (?:instru\w+|istruzion\w+|consign\w+|directi?[vr]\w+|indicaciones|ordenes|ordini|ordres|
        regles|reglas|regole|regras) ~2 (?:précédent\w*|precedent\w*|antérieur\w*|anterior\w*|
        previ\w+|ci-dessus|initial\w*|inicial\w*|inizial\w*|arriba|acima|système|sistema|
        reçues|recibidas|données|dadas)\b|
        \b(?:ignor\w{1,5}|oubli\w{1,3}|olvid\w{1,4}|esque[çc]\w{1,3}|dimentic\w{1,3})
        (?:tou\w+ |todas |tutte )?(?:tes|vos|tus|sus|tuas|suas|le tue) (?:instru\w+|istruzion\w+|
        consign\w+|directives)\b""",
    ),
    _rule(
        "speaks to a model (Romance)",
        "artificielle, artificial, modele de l, modele d, modelo de l, chatbot, s ia, t ia, a ia, "
        "l'ia, prompt, instru, consigne, desormais, a partir d, dorenavant, de ahora",
        r"""\b(?:si|se) (?:tu es|vous êtes|eres|usted es|você é|sei) (?:une?|un|uma?) ~1
        (?:ia|intelligence artificielle|inteligencia artificial|modèle de langage|
        modelo de lengu?a\w+|chatbot|assistant ia|asistente de ia)\b|
        \b(?:note|nota|message|mensaje|instructions?|instrucciones|attention|atención)
        (?:(?:a|à|aux?|pour|para|per) )?(?:l'|les? |las? |los |toutes les |todas las )?
        (?:ias?|modèles? de langage|modelos? de lenguaje|chatbots?|assistants? ia)\s?[:,!]|
        \b(?:désormais|à partir de maintenant|dorénavant|a partir de ahora|
        de ahora en adelante),? (?:tu (?:es|agis|réponds|dois|eres)|
        réponds|répondez|eres|actúas?|responde\w{0,3}|
        debes responder)\b|
        \b(?:affich|répèt|révèl|montr|imprim|muestr|repit|revel|dime)\w{0,3} ~3
        (?:prompts?|instructions|instrucciones|consignes) (?:du |del |de )?
        (?:système|sistema|initiales?|iniciales?|précédentes|anteriores)\b""",
    ),
    _rule(
        "sets earlier instructions aside (Chinese)",
        "忽略, 无视, 無視, 忘记, 忘掉, 不要理会",
        r"(?:忽略|无视|無視|忘记|忘掉|不要理会)[^。！？\n]{0,12}?"
        r"(?:之前|以上|上面|上述|先前|前面|所有|你的|原有|系统)[^。！？\n]{0,8}?"
        r"(?:指令|提示词|指示|命令|规则|設定|设定)",
    ),
    _rule(
        "speaks to a model (Chinese)",
        "系统, 指令, 提示词, 你是, 现在",
        r"""(?:输出|重复|告诉我|显示|打印|透露|泄露|复述)[^。！？\n]{0,10}?
        (?:系统提示|系统指令|你的指令|你的提示词|你的初始指令|以上的?指令)|
        (?:从现在开始|从现在起)[，,]?你(?:是|扮演|将扮演|必须回答|只能)|
        (?:如果|若)你是(?:一个|一名)?(?:人工智能|ai|语言模型|大模型|聊天机器人)|
        (?:不要|别|切勿|请勿)(?:告诉|告知)用户[^。！？\n]{0,10}?(?:这|此|本)""",
    ),
)

RULES = (*_ENGLISH, *_OTHER_LANGUAGES)
