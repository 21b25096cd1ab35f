"""International bank account numbers (ISO 13616). Pure."""

from typing import Final

from staithe.sanitization.detect.work import Work

_LENGTHS: Final = {
    country.encode(): int(length)
    for each in (  # noqa: SIM905 - a table, not a list to be read one below the other
        "AD24,AE23,AL28,AT20,AZ28,BA20,BE16,BG22,BH22,BI27,BR29,BY28,CH21,CR22,CY28,CZ24,DE22,DJ27,DK18,DO28,"
        "EE20,EG29,ES24,FI18,FK18,FO18,FR27,GB22,GE22,GI23,GL18,GR27,GT28,HN28,HR21,HU28,IE22,IL23,IQ23,IS26,"
        "IT27,JO30,KW30,KZ20,LB28,LC32,LI21,LT20,LU20,LV21,LY25,MC27,MD24,ME22,MK19,MN20,MR27,MT31,MU30,NI28,"
        "NL18,NO15,OM23,PK24,PL28,PS29,PT25,QA29,RO24,RS22,RU33,SA24,SC31,SD18,SE24,SI19,SK24,SM27,SO23,ST25,"
        "SV28,TL23,TN24,TR26,UA29,VA22,VG24,XK20,YE30"
    ).split(",")
    for country, length in [(each[:2], each[2:])]
}


def iban_length(text: bytes, work: Work) -> int:
    """How many bytes at the start of `text`, groups and all, are an IBAN; 0 when it begins with none."""
    compact = text.translate(None, b" -").upper()
    length = _LENGTHS.get(compact[:2], 0)
    if not length or len(compact) < length or not compact[2:4].isdigit():
        return 0
    number = compact[4:length] + compact[:4]
    if int("".join(str(int(chr(each), 36)) for each in number)) % 97 != 1:
        work.spend()
        return 0
    seen = 0
    for position, each in enumerate(text, start=1):
        seen += each not in b" -"
        if seen == length:
            return position if text[position : position + 1] in (b"", b" ", b"-") else 0
    return 0
