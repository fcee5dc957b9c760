"""The languages whose words are stemmed: which one a text is written in, and what says nothing in it."""

from collections.abc import Iterable, Mapping
from itertools import islice
from struct import Struct as Layout

from providers.text.folding import fold

DEFAULT_LANGUAGE = "english"

# The words of each language that say nothing about a text, in the order of how often they decide what language it is.
# They are written folded where folding them changes them. Short on purpose: the user's own idf does the rest.
_WORDS = {
    "english": """
        a about above after again against all am an and any are as at be because been before being below between both
        but by can could did do does doing down during each few for from further had has have having he her here hers
        herself him himself his how i if in into is it its itself just me more most my myself no nor not of off on once
        only or other our ours ourselves out over own same she should so some such than that the their theirs them
        themselves then there these they this those through to too under until up very was we were what when where
        which while who whom why will with would you your yours yourself yourselves
    """,
    "german": """
        aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei beim bin bis bist da
        damit
        dann das dass dein deine dem den denn der des dich die dies diese diesem diesen dieser dieses dir doch dort du
        durch ein eine einem einen einer eines er es etwas euch euer fur gegen habe haben hat hatte hatten hier ich ihm
        ihn ihnen ihr ihre ihrem ihren ihrer im in ins ist ja jede jedem jeden jeder jedes jetzt kann kein keine keinen
        konnen konnte mal man mein meine meinem meinen meiner mich mir mit muss nach nicht nichts noch nun nur ob oder
        ohne schon sehr sein seine seinem seinen seiner seit sich sie sind so soll sollte sondern sonst uber um und uns
        unser unsere unter viel vom von vor wann war waren warum was weil welche welchem welchen welcher welches wenn
        wer werde werden wie wieder will wir wird wo wurde wurden zu zum zur zwar zwischen
    """,
    "french": """
        ai alors au aucun aussi autre aux avait avec avoir ce cela ces cet cette chez comme comment dans de des donc
        du elle elles en encore est et etaient etait ete etre eu fait il ils j je l la le les leur leurs lui m ma mais
        me meme mes moi mon n ne nos notre nous on ont ou par pas pendant plus pour pourquoi qu quand que quel quelle
        quels qui quoi s sa sans se ses si son sont sous sur t ta te tes toi ton tous tout tres tu un une va vos votre
        vous y d c
    """,
    "spanish": """
        al algo antes como con contra cual cuando de del desde donde dos el ella ellas ellos en entre era es esa ese eso
        esta estaba estan este esto estoy fue ha habia hasta hay he la las le les lo los mas me mi mis mucho muy nada ni
        no nos nosotros o otra otro para pero poco por porque que quien se sea ser si sin sobre son soy su sus tambien
        te tenia tiene todo todos tu tus un una uno unos y ya yo
    """,
    "italian": """
        a al alla alle anche avevo ha hanno c che chi ci come con cosa da dal dalla dei del della delle di do dove e ed
        era gli ha ho i il in io la le lei li lo loro lui ma me mi mia mio nel nella no noi non nostro o per perche piu
        quale quando quanto quella quello questa questo qui sei si sia sono sta su sua suo ti tra tu tuo un una uno vi
        voi
    """,
    "portuguese": """
        a ao aos as com como da das de dela dele depois do dos e ela ele eles em entre era essa esse esta este eu foi
        foram ha isso isto ja la lhe mais mas me meu minha muito na nao nas nem no nos nossa nosso num numa o onde os ou
        para pela pelo por porque qual quando que quem se sem ser seu sua tambem te tem tinha um uma voce
    """,
    "dutch": """
        aan al als bij dan dat de der deze die dit doen door dus een en er ge geen had heb hebben heeft hem het hier hij
        hoe hun ik in is ja je kan maar me met mij mijn naar niet nog nu of om omdat onder ons ook op over te toch toen
        tot u uit van veel voor waar wanneer waren was wat we werd wie wij wordt zal ze zich zij zijn zo zonder
    """,
    "swedish": """
        alla att av blev bli da de dem den denna deras dess det detta dig din dina du efter ej eller en ett for fran ha
        hade han har henne hennes hon honom hur i icke ingen inte jag kan kunde man med mig min mina mot mycket nar ni
        nu och om oss pa sa sig sin sitt skulle som till under upp ut utan vad var vara varit vem vi vid vilken ar over
    """,
    "danish": """
        af alle at blev da de den denne der deres det dette dig din du efter eller en end er et for fra ham han har
        havde have hende her hun hvad hvem hvor hvornar i ikke ind jeg jer kan man med meget men mig min mit nar ned
        noget nogle nu og om op os over pa sa sig sin skal som til ud under var vi vil ville
    """,
    "norwegian": """
        av at ble bli da de den denne der deres det dette deg din du eller en enn er et etter for fra ha hadde han har
        hennes her hun hva hvem hvor hvordan i ikke jeg kan med meg men mer min mot na nar noe noen og om opp oss over
        pa sa seg sin skal skulle som til ut var ved vi vil ville
    """,
    "finnish": """
        ei ehka en etta han hanen he ja jo joka jos kanssa koska kuin kun kuka me meidan mika milloin mina minka minun
        missa mita mutta myos ne niin nyt olen oli olin olla on ovat sen se sina sinun sita tai tama tassa te vain vai
        voi
    """,
    "turkish": """
        acaba ama ancak bana bazi ben benim beni bile bir biz bu cok cunku da daha de degil diye en gibi hem hep her hic
        icin ile ise kadar ki kim mi mu nasil ne neden nerede nereye o olan olarak onu onun sen siz sonra su ve veya ya
        yani
    """,
    "polish": """
        a aby ale bardzo bez bo by byc byl byla bylo co czy dla do gdy gdzie go i ich ile ja jak jako je jego jej jest
        jestem jeszcze juz kiedy kto ktora ktore ktory ma mam mi mnie moj moja na nad nie o od on ona ono oraz po pod
        przed przez przy sa sie sobie ta tak take tam te tego tej ten to tu ty tylko tym u w we wiec z za ze
    """,
    "romanian": """
        a acest aceasta ai am ar are as au ca cand care ce cu cum da de deci din dupa ea ei el este eu fi fost in la le
        lui ma mai mea meu mi mult ne nu o pe pentru prin sa sau se si sunt ta te un una unde unei unui va voi
    """,
    "indonesian": """
        ada adalah akan aku anda apa atau bagaimana bahwa banyak bisa dalam dan dari dengan di dia ini itu juga kami
        kamu
        kapan karena ke kita mana mengapa mereka oleh pada saya sebuah sudah telah tidak untuk yang
    """,
    "russian": """
        а без бы был была были было быть в вам вас во вот все всех вы где да для до его ее если есть еще же за и из или
        им их к как какой когда которая которые который кто ли меня мне мои мой моя мы на над не него нее нет ни но ну о
        об он она они оно от очень по под при с со так там тебя то того тоже только ты у уже чего чем что чтобы это этот
        я
    """,
    "greek": """
        αν απο για δεν ειναι εκει εμεις εχει εχω η ηταν θα και με μου να ο οι οπου οτι που πως σας σε στα στη στην στο
        στον τα τη την της τι το τον του τους των ως
    """,
    "arabic": """
        ابي الا الذي التي الى ان انا انت او اي اين بعد بين تم ثم حتى ذلك عن عند على في قد كان كانت كل كما كيف لا لم لن
        له
        لها ما متى مع من منذ نحن هذا هذه هل هم هنا هو هي و يا
    """,
    "hindi": """
        और अपना अपनी अपने आप इस इसे उस उसका उसकी उसके उसे एक एवं कब कर करता करते करना करने का कि किस किसी की कुछ के को
        कोई
        कौन क्या क्यों गया जब जो तक तो था थी थे दिया द्वारा न नहीं ने पर बहुत भी मुझे में मेरा मेरी मेरे मैं यह या ये रहा
        रही
        रहे लिए वह वे सकते साथ से हम हमारे ही हुआ हुई हुए हूँ हूं है हैं हो होता होती होते
    """,
    "tamil": """
        அது அதை அந்த அவர் அவள் அவன் அவர்கள் ஆகும் ஆனால் இது இதை இந்த இருக்கிறது இருந்தது இல்லை இங்கே உன் உங்கள் உள்ளது
        எங்கே
        எது எந்த எப்படி எப்போது என் என்ன என்று என்னை எனக்கு எனது ஏன் ஒரு தான் நாம் நாங்கள் நான் நீ நீங்கள் மற்றும் மிகவும் யார் வேண்டும்
        போது
    """,
}

STOP_WORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(map(fold, words.split())) for language, words in _WORDS.items()
}

# The scripts that are written with one stemmer each; the words of the others stay as they are.
_BY_SCRIPT = (
    (0x0370, 0x03FF, "greek"),
    (0x0400, 0x052F, "russian"),
    (0x0530, 0x058F, "armenian"),
    (0x0600, 0x06FF, "arabic"),
    (0x0900, 0x097F, "hindi"),
    (0x0B80, 0x0BFF, "tamil"),
    (0x1F00, 0x1FFF, "greek"),
)
_END_OF_LATIN = 0x0250
_LATIN_ADDITIONS = range(0x1E00, 0x1F00)
_OF_OTHER_SCRIPTS = frozenset(language for _, _, language in _BY_SCRIPT)

_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _language, _words in STOP_WORDS.items():
    if _language not in _OF_OTHER_SCRIPTS:
        for _word in _words:
            _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _language)

MOST_WORDS = 60  # of a text that are looked at
_WHOLE_VOTE = 60

# The languages that are voted for, in the order in which one is chosen of several with as many votes.
_VOTED = (DEFAULT_LANGUAGE, *sorted(set(STOP_WORDS) - _OF_OTHER_SCRIPTS - {DEFAULT_LANGUAGE}))

# The votes of a word for all languages in one number, 16 bits each: so a text's are one sum. 60 whole votes for one
# language leave room in them.
_BITS = 16
_LAYOUT = Layout(f"<{len(_VOTED)}H")
VOTE_BITS = _BITS * len(_VOTED)
_VOTES = {
    word: sum(_WHOLE_VOTE // len(languages) << _BITS * _VOTED.index(language) for language in languages)
    for word, languages in _LANGUAGES_OF.items()
}


def language_of(folded_words: Iterable[str]) -> str:
    """Return the language of a text in Latin script, English where its words do not tell.

    A word that several languages have counts less for each of them.
    """
    return most_voted(votes_of(islice(folded_words, MOST_WORDS)))


def votes_of(folded_words: Iterable[str]) -> int:
    """Return the votes of at most `MOST_WORDS` words for all languages, in the lowest `VOTE_BITS` of one number."""
    return sum(filter(None, map(_VOTES.get, folded_words)))


def most_voted(votes: int) -> str:
    """Return the language with the most votes, English where there are none."""
    if not votes:
        return DEFAULT_LANGUAGE
    counts = _LAYOUT.unpack(votes.to_bytes(_LAYOUT.size, "little"))
    return _VOTED[counts.index(max(counts))]


def script_language(word: str) -> str | None:
    """Return the language by which words of this script are stemmed; empty if by none, None for the Latin script."""
    code = ord(word[0])
    if code < _END_OF_LATIN or code in _LATIN_ADDITIONS:
        return None
    return next((language for first, last, language in _BY_SCRIPT if first <= code <= last), "")
