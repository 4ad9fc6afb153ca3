"""Words and sentence patterns of the everyday-sentence generator in `everyday.py`.

`WORDS` maps a slot name to its fillers, separated by commas; `PATTERNS` are sentences with slots in braces, written as
a sentence is but for its first capital and its full stop.
A filler may hold slots of its own. Slots that count or tell the time (`{number}`, `{time}`, `{price}`, `{date}`,
`{year}`, `{digits}`, `{ordinal}`, `{percent}`, `{minutes}`) are made by functions in `everyday.py`.
"""

from __future__ import annotations

WORDS = {
    "name": """Anna,Ben,Carol,David,Emma,Frank,Grace,Henry,Irene,Jack,Kate,Liam,Mary,Nick,Olivia,Peter,Rachel,Sam,
    Tina,Victor,Wendy,George,Helen,Oscar,Julia,Kevin,Laura,Martin,Nora,Paul,Rose,Simon,Thomas,Alice,Bruce,Claire,
    Daniel,Edward,Fiona,Hannah,Jessica,Karen,Lucy,Michael,Philip,Robert,Sarah,Steven,Susan,Tony,William,Zoe,
    Charlotte,Adam,Maria,Lily,John,James,Jennifer,Patrick,Linda,Andrew,Elizabeth,Joseph,Margaret,Richard,Christopher,
    Barbara""",
    "city": """London,Paris,New York,Boston,Chicago,Seattle,Denver,Dallas,Houston,Miami,Atlanta,Phoenix,Portland,
    Detroit,Berlin,Rome,Madrid,Vienna,Dublin,Glasgow,Edinburgh,Manchester,Oxford,Cambridge,Tokyo,Beijing,Shanghai,
    Singapore,Sydney,Melbourne,Toronto,Vancouver,Cairo,Athens,Moscow,Amsterdam,Brussels,Lisbon,Prague,Oslo,Istanbul,
    Mumbai,Philadelphia,San Francisco,Los Angeles,Washington,Hong Kong,Bangkok,Warsaw,Venice,Geneva""",
    "country": """England,Scotland,Ireland,France,Germany,Italy,Spain,China,Japan,India,Canada,Mexico,Brazil,
    Australia,America,Egypt,Russia,Greece,Norway,Sweden,Turkey,Kenya,Poland,Portugal,Switzerland,Argentina,Denmark,
    Korea""",
    "person": """my mother,my father,my sister,my brother,my uncle,my aunt,my grandmother,my grandfather,my wife,
    my husband,my son,my daughter,my cousin,my neighbour,my best friend,my teacher,my boss,our manager,the doctor,
    the nurse,the driver,the manager,the teacher,the farmer,the police officer,the old man,the young woman,
    the little boy,the little girl,the waiter,the captain,the lawyer,the engineer,the artist,the gardener,the baker,
    the butcher,the singer,the writer,the student,the secretary,the soldier,the dentist,the mechanic,the plumber,
    the customer,the visitor,the judge,the professor,the stranger,the landlord,the president,the cook,the painter,
    the tailor,the scientist,{name},{name},{name}""",
    "people": """they,we,you,the children,my parents,the students,our neighbours,the workers,my friends,the tourists,
    the players,the teachers,most people,some people,
    both of us,all of them,{name} and {name},{name} and I,the guests""",
    "food": """bread,cheese,rice,soup,salad,chicken,beef,fish,pork,eggs,butter,potatoes,tomatoes,onions,carrots,
    cabbage,mushrooms,beans,noodles,pasta,pizza,sandwiches,pancakes,apples,oranges,bananas,grapes,lemons,cherries,
    strawberries,peaches,pears,chocolate,honey,sugar,salt,pepper,jam,biscuits,cake,ice cream,yogurt,cereal,nuts,
    garlic,spinach,corn,cucumbers,sausages,bacon,ham,turkey,lamb,shrimp,salmon,toast,porridge,dumplings,cookies,
    vegetables,fruit,meat""",
    "drink": """coffee,tea,milk,water,orange juice,apple juice,hot chocolate,lemonade,red wine,white wine,beer,
    cold water,green tea,black coffee,mineral water,soda""",
    "container": "a cup of,a glass of,a bottle of,a pot of,a jug of,two cups of,some,another cup of,a little",
    "amount": """a box of,a bag of,a pound of,two pounds of,a kilo of,half a kilo of,some,a lot of,plenty of,
    a few packets of""",
    "thing": """book,letter,newspaper,picture,photograph,map,key,lamp,chair,table,bed,sofa,mirror,clock,watch,phone,
    computer,camera,radio,television,window,door,box,bag,basket,bottle,knife,spoon,fork,plate,bowl,kettle,towel,
    blanket,pillow,carpet,curtain,candle,umbrella,wallet,purse,suitcase,ticket,passport,pencil,pen,notebook,envelope,
    stamp,ladder,hammer,bicycle,guitar,piano,violin,drum,ball,toy,kite,ring,necklace,brush,bucket,rope,wheel,engine,
    battery,printer,keyboard,screen,cable,calendar,magazine,report,contract,receipt,parcel,package,present,painting,
    vase,drawer,shelf,cupboard,oven,fridge,freezer,heater,fan,garden chair,tent,torch,helmet,backpack,dictionary,
    novel,poster,ruler,scissors case,sign""",
    "clothes": """coat,jacket,shirt,sweater,dress,skirt,hat,scarf,belt,tie,suit,uniform,raincoat,blouse,cap,
    pair of shoes,pair of boots,pair of gloves,pair of socks,pair of trousers,pair of jeans,pair of glasses""",
    "colour": "red,blue,green,yellow,black,white,brown,grey,orange,purple,pink,silver,golden,dark blue,light green",
    "adjective": """big,small,large,little,old,new,young,long,short,tall,high,low,wide,narrow,heavy,light,strong,
    weak,soft,hard,warm,cold,hot,cool,dry,wet,clean,dirty,full,empty,cheap,expensive,quiet,noisy,bright,dark,fast,
    slow,easy,difficult,beautiful,ugly,pretty,strange,famous,popular,simple,perfect,broken,wonderful,terrible,
    dangerous,safe,modern,ancient,comfortable,useful,important,interesting,boring,funny,serious,special,ordinary,
    round,square,thick,thin,smooth,rough,sharp,fresh,sweet,sour,delicious,huge,tiny,enormous,lovely,nice,excellent,
    awful,curious,gentle,precious,valuable""",
    "feeling": """happy,sad,tired,angry,hungry,thirsty,excited,bored,nervous,worried,surprised,afraid,proud,lonely,
    sick,busy,ready,late,early,sorry,glad,careful,lucky,confused,disappointed,sleepy,calm,jealous,grateful,upset,
    relaxed,cheerful,frightened,embarrassed,pleased,certain,sure,healthy,patient,polite,brave,honest,clever,lazy,
    friendly,generous""",
    "animal": """dog,cat,horse,cow,sheep,pig,goat,duck,chicken,goose,rabbit,mouse,bird,parrot,eagle,owl,fish,shark,
    whale,dolphin,frog,snake,turtle,lion,tiger,bear,wolf,fox,deer,elephant,monkey,giraffe,zebra,camel,donkey,
    squirrel,butterfly,bee,spider,penguin,kangaroo,crocodile,hamster,pigeon,seagull,puppy,kitten,panda,dragon,swan""",
    "place": """the kitchen,the garden,the office,the station,the airport,the hotel,the school,the library,
    the hospital,the bank,the park,the beach,the market,the supermarket,the restaurant,the theatre,the museum,
    the church,the bridge,the river,the lake,the forest,the mountains,the village,the factory,the farm,the harbour,
    the bakery,the post office,the bookshop,the cinema,the gym,the swimming pool,the playground,the bathroom,
    the bedroom,the living room,the garage,the classroom,the corner,the bus stop,the town hall,the castle,
    the university,the pharmacy,the shopping centre,the zoo,the island,the police station,the court,the square,
    the football stadium,the conference room,the waiting room,the countryside,the cafe,the balcony,the basement,
    the tunnel,the coast,the valley,the desert,the embassy,the cathedral""",
    "home_place": """on the table,under the bed,behind the door,in the drawer,on the shelf,next to the window,
    in the cupboard,beside the sofa,on the floor,in the fridge,above the fireplace,near the stairs,in the hall,
    on the kitchen counter,between the two chairs,in my pocket,inside the box,at the bottom of the bag,
    on top of the wardrobe,in front of the mirror""",
    "day": "Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday",
    "month": "January,February,March,April,May,June,July,August,September,October,November,December",
    "season": "spring,summer,autumn,winter",
    "when": """today,tomorrow,tonight,this morning,this afternoon,this evening,on {day},on {day} morning,next week,
    next {day},next month,at {time},at the weekend,after lunch,before dinner,in {minutes},later,soon,in the morning,
    after work,on {date}""",
    "past_when": """yesterday,last night,last week,last {day},last month,last year,this morning,{minutes} ago,
    two days ago,in {year},a long time ago,on {day} evening,last {season},an hour ago,the day before yesterday,
    when I was young""",
    "often": "always,usually,often,sometimes,never,rarely,seldom,hardly ever,almost always,normally",
    "weather": """rainy,sunny,cloudy,windy,foggy,stormy,snowy,freezing cold,very hot,quite warm,cool and dry,
    wet and windy,mild,icy,humid,clear and bright,grey and dull,dry and sunny""",
    "weather_thing": """rain,snow,fog,thunder,lightning,hail,sunshine,heavy showers,strong winds,light snow,a storm,
    frost,mist""",
    "transport": "bus,train,plane,taxi,boat,ferry,subway,tram,car,bicycle,motorcycle,truck,helicopter,coach",
    "activity": """swimming,running,walking,cycling,fishing,dancing,singing,painting,drawing,reading,writing,cooking,
    shopping,gardening,skating,skiing,climbing,camping,hiking,sailing,knitting,photography,chess,football,basketball,
    tennis,golf,baseball,cricket,volleyball,playing the piano,playing the guitar,playing cards,watching films,
    listening to music,learning languages,riding horses,travelling,collecting stamps,taking pictures,yoga""",
    "subject": """mathematics,history,geography,biology,chemistry,physics,music,art,English,French,German,Spanish,
    Chinese,economics,philosophy,literature,medicine,law,engineering,computer science,psychology,politics""",
    "job": """teacher,doctor,nurse,engineer,lawyer,farmer,driver,pilot,cook,waiter,artist,musician,actor,writer,
    journalist,scientist,dentist,plumber,electrician,carpenter,mechanic,soldier,sailor,police officer,firefighter,
    secretary,accountant,salesman,manager,designer,programmer,architect,photographer,librarian,gardener,translator,
    judge""",
    "body": "head,arm,leg,foot,hand,finger,back,neck,shoulder,knee,ear,eye,throat,stomach,tooth,chest,ankle,elbow",
    "device": """the lights,the heating,the television,the radio,the oven,the washing machine,the alarm,
    the air conditioning,the kitchen light,the fan,the music,the computer,the bedroom lamp,the dishwasher,the camera,
    the garden lights""",
    "do": """go home,wait here,buy some {food},call {name},finish the report,clean {place},read this {thing},
    open the window,close the door,take the {transport},drink {container} {drink},learn {subject},go {activity_ing},
    visit {city},stay at home,write to {name},look after the {animal},pay the bill,meet {person},cook dinner,
    wash the dishes,repair the {thing},sell the {thing},move to {city},find a {adjective} {thing},ask {person},
    help {person},watch the news,take a break,work in {place},try again,get up early,go to bed,sit down,stand up,
    catch the {transport},book a table,change the subject,borrow your {thing},carry the {thing},explain the problem,
    answer the question,send the {thing},bring your {thing},paint the {thing},travel to {country},
    wear a {colour} {clothes},feed the {animal},check the {thing},turn left at {place},remember {person},
    talk to {person},choose a {thing},leave before {time},plan the holiday,lose weight,save money""",
    "activity_ing": "swimming,running,shopping,dancing,fishing,cycling,camping,skiing,sailing,climbing,walking,hiking",
    "past_verb": """bought,sold,found,lost,broke,repaired,painted,cleaned,brought,carried,opened,closed,dropped,
    forgot,took,wanted,needed,liked,saw,noticed,borrowed,kept,moved,touched,washed,wrapped,hid,showed me,gave me,
    sent me,asked for,looked at,pointed at,paid for,threw away,picked up,put down,chose,described,drew,examined,
    stole,received,delivered""",
    "move": """walked to,drove to,ran to,went to,hurried to,returned to,cycled to,travelled to,rushed to,
    came back from,arrived at,waited at,met us at,worked at,stayed near,disappeared from,got lost near,walked past,
    lived near""",
    "is_doing": """is sleeping,is waiting,is cooking dinner,is reading a {thing},is talking to {person},is working,
    is laughing,is looking for the {thing},is drinking {drink},is eating {food},is learning {subject},
    is driving to {city},is singing,is playing with the {animal},is washing the {thing},is sitting in {place},
    is standing near {place},is writing a {thing}""",
    "thought": """I think,I hope,I know,I believe,I am afraid,I am sure,I suppose,she said,he said,they told me,
    we heard,everybody knows,it seems,perhaps,maybe,I guess,I remember,I wish,of course,unfortunately,luckily,
    as you know""",
    "reason": """because it was {weather},because I was {feeling},because of the {weather_thing},
    because {person} was {feeling},because the {transport} was late,because we had no {food},so we stayed at home,
    but nobody was there,but it was too {adjective},and then we went home,and everyone was {feeling},
    although it was {adjective},when the telephone rang,while it was raining,before the {transport} left,
    after the {event},until {time},if you have time,if it is {weather},as soon as possible""",
    "event": """meeting,party,wedding,concert,lesson,exam,lecture,game,match,film,show,interview,conference,holiday,
    birthday,festival,race,dinner,ceremony,journey,trip,appointment,class,competition,speech,exhibition,accident""",
    "greeting": """hello,good morning,good afternoon,good evening,hi,hey,welcome,nice to see you,how are you,
    how do you do,pleased to meet you,good to see you again,long time no see""",
    "farewell": """goodbye,bye,good night,see you later,see you on {day},see you tomorrow,take care,have a nice day,
    so long""",
    "thanks": "thank you,thanks,thank you very much,thanks a lot,many thanks,thank you so much,no thank you",
    "news": """the government,the company,the bank,the school,the city council,the team,the police,the committee,
    the court,the newspaper,the hospital,the university,the factory,the airline,the museum""",
    "news_verb": """announced,promised,decided,refused,agreed,reported,admitted,confirmed,denied,explained,claimed,
    suggested""",
    "news_topic": """a new plan,higher prices,better schools,lower taxes,the results,a change of law,
    the cost of housing,the price of oil,new rules for visitors,an important discovery,the end of the strike,
    a different programme,safer roads,the opening of the bridge,fewer jobs,more money for hospitals,
    a serious mistake,public transport""",
    "software": """the message,my calendar,the file,the document,the email,the address,the meeting notes,
    the shopping list,the playlist,the photo,the reminder,the password,the account,the website,the folder,
    the spreadsheet""",
}

PATTERNS = """
{greeting}, {name}|{greeting}, my name is {name}|{greeting}, how was your {event}?|{farewell}, {name}
{thanks} for the {thing}|{thanks} for your help {past_when}|excuse me, where is {place}?
excuse me, how do I get to {place}?|could you {do}, please?|would you please {do}?|can you {do} {when}?
please {do} {when}|please do not {do}|do not forget to {do}|let's {do} {when}|we should {do} {reason}
I would like to {do}|I want to {do} {when}|I have to {do} {when}|you must {do} {when}|shall we {do}?|why don't you {do}?
I can't {do} {reason}|I don't want to {do}|I'll {do} {when}|we'll {do} {when}|she'll {do} {when}
they're going to {do}|he's going to {do} {when}|do you want to {do}?|did you {do} {past_when}?|are you ready to {do}?
it is time to {do}|remember to {do} before you {do}|you can {do} or {do}|first {do} and then {do}
try to {do} every {day}|{thought} {person} will {do} {when}|{thought} it is {adjective}
{thought} we need {amount} {food}|{thought} you are {feeling}
{person} {past_verb} the {adjective} {thing} {past_when}|{person} {past_verb} a {colour} {thing}
{person} {past_verb} my {thing}|{people} {past_verb} the {thing} {reason}|{person} {move} {place} {past_when}
{people} {move} {place} {reason}|{person} {is_doing}|{person} {is_doing} in {place}|look, {person} {is_doing}
what time does {person} {do}?|the {thing} is {home_place}|is the {thing} {home_place}?|I left my {thing} {home_place}
put the {thing} {home_place}, please|the {adjective} {thing} is {adjective} and {adjective}
this {thing} is more {adjective} than that {thing}|that {colour} {clothes} looks {adjective}
I am looking for a {colour} {clothes}|{person} is wearing a {adjective} {clothes}|how much is this {clothes}?
how much does the {thing} cost?|the {thing} costs {price}|it was {price} and now it is {price}
I paid {price} for {amount} {food}|can I have {container} {drink}, please?|I would like {food} and {container} {drink}
we need {amount} {food} and {amount} {food}|there is no {food} left {home_place}|do you like {food} or {food}?
I don't like {food}|the {food} tasted {adjective}|breakfast is served from {time} to {time}
dinner will be ready in {minutes}|a table for {small} at {time}, please|the bill comes to {price}
{person} often eats {food} with {food}|what is the weather like in {city}?|it will be {weather} in {city} {when}
it was {weather} {past_when}|it is going to be {weather}|we expect {weather_thing} in the {season}
the temperature is {number} degrees|there was {weather_thing} all over {country}|{season} is my favourite season
the sky was {colour} and the air was {adjective}|take an umbrella because it may rain
the {transport} to {city} leaves at {time}|the next {transport} arrives in {minutes}
the {transport} from {city} is {minutes} late|I would like a ticket to {city} for {price}
which platform does the train to {city} leave from?|flight {digits} to {city} is boarding
we travelled from {city} to {city} by {transport}|it takes {minutes} by {transport}
turn left at {place}, then go straight|the hotel is near {place}|your room is number {digits}
room {digits} is on the {ordinal} floor|I need a room for {small} nights
the museum opens at {time} and closes at {time}|have you ever been to {country}?|{person} comes from {country}
my phone number is {digits}|call me at {digits}|the code is {digits}|my address is {number} {name} Street
it is {time} now|what time is the {event}?|the {event} starts at {time}|the {event} is on {date}
the {event} was on {date} {year}|{person} was born in {year}|{person} was born on {date}|today is {day} the {ordinal}
my birthday is on {date}|the {event} lasted {minutes}|we will meet at {time} on {day}|wake me up at {time}
set an alarm for {time}|set a timer for {minutes}|remind me to {do} at {time}|turn on {device}|turn off {device}
turn down {device} {when}|switch {device} on at {time}|play some music in {place}|send {software} to {name}
open {software} and read it to me|delete {software}|save {software} before you go|please update {software} {when}
I can't find {software}|add {food} to the shopping list|there are {number} people in {place}
about {percent} of the students study {subject}|prices rose by {percent} {past_when}
{number} and {number} is more than {number}|{small} times {small} is {number}|page {number}
chapter {small} page {number}|the population of {city} is about {big}|it is {number} miles from {city} to {city}
the {ordinal} of {month}|{person} is {number} years old|I have {small} {animal}s and a {animal}
the {animal} ran across {place}|a {adjective} {animal} lives in {place}|the {colour} {animal} is {adjective}
have you seen my {animal}?|{person} is afraid of the {animal}|the {animal} and the {animal} are friends
my {body} hurts {reason}|{person} hurt a {body} {past_when}|take this medicine {small} times a day
you should see a doctor about your {body}|are you {feeling}?|I am {feeling} and {feeling}|{person} looks {feeling}
{people} were {feeling} {reason}|don't be so {feeling}|{person} is a {job}|{person} wants to be a {job}
{person} works as a {job} in {city}|a good {job} must be {feeling}|{person} studies {subject} at {place}
{subject} is more interesting than {subject}|I have been learning {subject} since {year}|do you enjoy {activity}?
{activity} is good for you|{person} {often} goes {activity_ing} {when}|I {often} {do} on {day}
my hobbies are {activity} and {activity}|{people} {often} {do} in the {season}|what do you do in your free time?
{news} {news_verb} {news_topic} {past_when}|{news} has {news_verb} {news_topic}
according to {news}, it will be {weather}|the {event} in {city} was {adjective}|how did the {event} go?
congratulations on your {event}|have a nice {event}|I am sorry I am late {reason}|I'm sorry, but I can't {do}
that's a {adjective} idea|that's very {adjective} of you|it doesn't matter|could I speak to {person}, please?
{person} isn't here at the moment|may I leave a message for {name}?|who is calling, please?
what's the matter with the {thing}?|whose {thing} is this?|it's {name}'s {thing}|where did you put the {clothes}?
I haven't seen {name} since {past_day}|the {thing} doesn't work any more|the {thing} needs a new {thing}
there's a {adjective} {thing} in {place}|there's nothing {home_place}|is there a {adjective} restaurant near {place}?
I wish I could {do}|if I had more money, I would {do}|if it is {weather}, we'll {do}|when I was young, I used to {do}
{name} told {name} to {do}|{name} asked me to {do}|{person} said that {person} was {feeling}
{person} promised to {do} {when}|the {job} and the {job} {move} {place}|the {adjective} {job} {past_verb} the {thing}
{people} laughed at the {adjective} {animal}|which do you prefer, the {colour} {thing} or the {colour} one?
neither the {thing} nor the {thing} is mine|it was a {adjective} {event} and {people} were {feeling}
once upon a time, there was a {adjective} {animal}|the house has {small} rooms and a {adjective} garden
we are moving to {country} in {month}|the shop is closed on {day}|yes, of course|no, not yet|I don't know
I agree with you|what do you think?|never mind|just a moment, please|you're welcome
"""
