"""The commonest passwords that are long enough to pass the length rule, and the words that the rest are made of."""

_COMMON = """
    1234567890 12345678910 123456789a 0123456789 0987654321 9876543210 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc
    qwertyuiop qwerty1234 qwerty12345 qwerty123456 qwertyui123 q1w2e3r4t5 q1w2e3r4t5y6 1qazxsw23edc zaq12wsxcde3
    asdfghjkl1 asdfghjkl; asdfasdfasdf zxcvbnm123 zxcvbnm1234 abcd1234567 abcdef1234 abc123456789 a123456789 aa12345678
    password01 password10 password11 password12 password123 password1234 password12345 passw0rd123 p@ssw0rd123
    p@ssword123 passwordpassword mypassword1 newpassword1 changeme123 changeme1234 letmein123 letmein1234 welcome123
    welcome1234 welcome2024 welcome2025 welcome2026 iloveyou123 iloveyou1234 iloveyou12 iloveyouso sunshine123
    princess123 football123 baseball123 superman123 batman12345 dragon12345 monkey12345 shadow12345 master12345
    michael123 jennifer123 jordan12345 charlie123 computer123 internet123 whatever123 trustno1trustno1 starwars123
    pokemon123 minecraft123 liverpool123 chelsea123 arsenal123 barcelona123 manchester1 samsung123 google1234
    facebook123 linkedin123 qazwsxedc123 qazwsxedcrfv 1122334455 1111111111 0000000000 1212121212 1231231230
    1233211234567 123123123123 147258369a 1472583690 159753456852 741852963a 7894561230 admin12345 admin123456
    admin1234567 adminadmin administrator administrator1 administrator123 root123456 rootrootroot user123456
    guest12345 test123456 testtest123 default123 defaultpassword security123 securitycamera camera12345 camera123456
    cameracamera surveillance hikvision123 hik12345+ dahua12345 reolink123 admin@12345 admin@123456 admin_12345
    haechi1234 haechi12345 haechi123456 haechihaechi homeassistant blueiris123 frigate123 qwer1234!! qwer1234!@
    asdf1234!@ zxcv1234!@ 1q2w3e4r!! 1q2w3e4r!@ dkssudgktpdy tkfkdgo1234 tkfkdgody sakura1234 doraemon123
"""

_STEMS = """
    password passwort passw0rd p@ssw0rd p@ssword pass passwd qwerty qwertz azerty qwertyuiop asdf asdfgh asdfghjkl
    zxcvbn zxcvbnm qazwsx abc abcd abcdef abcdefg admin administrator root user guest test login default letmein
    welcome changeme secret master iloveyou monkey dragon sunshine princess football baseball superman batman
    camera cameras security surveillance video nvr cctv haechi hikvision dahua reolink axis frigate
"""

COMMON = frozenset(_COMMON.split())
STEMS = frozenset(_STEMS.split())
