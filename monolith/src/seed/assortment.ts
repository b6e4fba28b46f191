/** What one category of the lowest level sells: the words that its products' names and attributes are made of. */
export interface Leaf {
  readonly code: string;
  readonly name: string;
  /** Two letters that its products' numbers begin with. */
  readonly prefix: string;
  readonly nouns: readonly string[];
  readonly variants: readonly string[];
  /** Lowest and highest price in EUR. */
  readonly price: readonly [number, number];
  /** Lowest and highest weight in grams. */
  readonly weight: readonly [number, number];
  readonly attributes: Readonly<Record<string, readonly string[]>>;
}

export interface Section {
  readonly code: string;
  readonly name: string;
  readonly brands: readonly string[];
  /** Sentences that descriptions are put together from. */
  readonly sentences: readonly string[];
  readonly leaves: readonly Leaf[];
}

export interface Department {
  readonly code: string;
  readonly name: string;
  readonly sections: readonly Section[];
}

type Range = readonly [number, number];

/** Words are separated by bars, so that a category fits on a few lines. */
function leaf(
  code: string,
  name: string,
  prefix: string,
  nouns: string,
  variants: string,
  price: Range,
  weight: Range,
  attributes: Record<string, string>,
): Leaf {
  const list = (words: string) => words.split('|');
  const lists = Object.entries(attributes).map(([attribute, values]) => [attribute, list(values)] as const);
  return {
    code,
    name,
    prefix,
    nouns: list(nouns),
    variants: list(variants),
    price,
    weight,
    attributes: Object.fromEntries(lists),
  };
}

const home: Department = {
  code: 'home',
  name: 'Home',
  sections: [
    {
      code: 'kitchen',
      name: 'Kitchen',
      brands: ['Kröger & Sohn', 'Solinger Werk', 'Tavola', 'Brühl', 'Maison Leduc', 'Nordhavn'],
      sentences: [
        'Made for kitchens in which something is cooked every day.',
        'Sits well in the hand and is just as happy in the drawer.',
        'Rinse with warm water; the dishwasher will not hurt it, but it will not thank you either.',
        'Tested by our own canteen, which is not easily pleased.',
        'Comes in a plain carton without plastic.',
        'Spare parts can be had for ten years.',
      ],
      leaves: [
        leaf(
          'knives',
          'Knives',
          'KN',
          "Chef's knife|Bread knife|Paring knife|Santoku knife|Carving knife|Filleting knife|Utility knife|Vegetable cleaver",
          '9 cm|12 cm|16 cm|18 cm|20 cm|24 cm',
          [9.9, 149],
          [60, 480],
          {
            blade: 'stainless steel|carbon steel|damascus steel',
            handle: 'walnut|olive wood|oak|black POM',
            dishwasher: 'no',
          },
        ),
        leaf(
          'cookware',
          'Cookware',
          'CW',
          'Frying pan|Saucepan|Cast-iron casserole|Sauté pan|Stockpot|Wok|Grill pan|Milk pan',
          '16 cm|20 cm|24 cm|26 cm|28 cm|4.5 l',
          [24.9, 249],
          [600, 5200],
          {
            material: 'cast iron|stainless steel|aluminium|enamelled steel',
            induction: 'yes|no',
            colour: 'black|steel|cream|berry',
          },
        ),
        leaf(
          'tableware',
          'Tableware',
          'TW',
          'Dinner plate|Soup bowl|Espresso cup|Serving platter|Mug|Salad bowl|Cutlery set|Wine glass',
          'single|set of 2|set of 4|set of 6',
          [4.9, 119],
          [150, 2800],
          { material: 'stoneware|porcelain|glass|steel', colour: 'white|sand|sea green|night blue|speckled' },
        ),
      ],
    },
    {
      code: 'living',
      name: 'Living',
      brands: ['Lumo', 'Hygge & Haus', 'Lindqvist', 'Atelier Moreau', 'Nordhavn'],
      sentences: [
        'A quiet piece that makes a room feel finished.',
        'Designed in Leipzig, made in small runs.',
        'Looks best beside something old.',
        'The colour may differ a little from the picture, as it does from one batch to the next.',
        'Arrives assembled but for the last screw.',
      ],
      leaves: [
        leaf(
          'lamps',
          'Lamps',
          'LA',
          'Table lamp|Floor lamp|Pendant lamp|Wall lamp|Reading lamp|Clip lamp',
          'small|large|dimmable|with paper shade|with glass shade',
          [19.9, 289],
          [500, 6500],
          { socket: 'E27|E14|GU10', colour: 'black|brass|white|sage', light: 'warm white|neutral white' },
        ),
        leaf(
          'cushions',
          'Cushions and throws',
          'CU',
          'Cushion cover|Wool throw|Linen cushion|Knitted blanket|Bolster|Floor cushion',
          '40 × 40 cm|50 × 50 cm|60 × 40 cm|130 × 170 cm',
          [12.9, 139],
          [200, 1800],
          {
            material: 'linen|cotton|merino wool|velvet',
            colour: 'ochre|rust|sage|off-white|charcoal',
            wash: '30 °C|by hand',
          },
        ),
        leaf(
          'vases',
          'Vases and candles',
          'VA',
          'Bud vase|Floor vase|Candle holder|Scented candle|Lantern|Glass vase',
          'small|medium|tall|pair',
          [7.9, 89],
          [150, 3900],
          { material: 'glass|ceramic|brass', colour: 'clear|amber|white|moss' },
        ),
      ],
    },
    {
      code: 'bath',
      name: 'Bath',
      brands: ['Badhaus', 'Lindqvist', 'Sauberkeit 1904'],
      sentences: [
        'Soft on the first day and after the hundredth wash.',
        'Dries quickly, even in a bathroom without a window.',
        'Made from certified cotton in Portugal.',
        'Folds flat, hangs straight.',
      ],
      leaves: [
        leaf(
          'towels',
          'Towels',
          'TO',
          'Bath towel|Hand towel|Hammam towel|Guest towel|Bath mat|Sauna towel',
          '30 × 50 cm|50 × 100 cm|70 × 140 cm|90 × 180 cm|set of 3',
          [6.9, 69],
          [90, 1200],
          {
            material: 'organic cotton|linen|terry',
            colour: 'white|slate|eucalyptus|terracotta',
            weight: '450 g/m²|550 g/m²|600 g/m²',
          },
        ),
        leaf(
          'bath-accessories',
          'Bath accessories',
          'BA',
          'Soap dish|Toothbrush mug|Bath caddy|Shower shelf|Mirror|Laundry basket',
          'bamboo|steel|stone|round|square',
          [8.9, 99],
          [120, 3500],
          { mounting: 'standing|with screws|with adhesive', colour: 'natural|white|black' },
        ),
      ],
    },
  ],
};

const garden: Department = {
  code: 'garden',
  name: 'Garden',
  sections: [
    {
      code: 'garden-work',
      name: 'Working',
      brands: ['Grünwald', 'Spaten & Co.', 'Hartriegel', "O'Malley"],
      sentences: [
        'Ash handle, forged head, and nothing that rattles.',
        'Made to be left out in the rain once, not every night.',
        'Sharpens with an ordinary file.',
        'Guaranteed for 25 years against breaking.',
        'Balanced so that a long afternoon stays a good one.',
      ],
      leaves: [
        leaf(
          'hand-tools',
          'Hand tools',
          'HT',
          'Garden spade|Hand trowel|Pruning shears|Digging fork|Hoe|Leaf rake|Weed puller|Hedge shears',
          'short|long|stainless|forged',
          [9.9, 119],
          [180, 2600],
          { handle: 'ash|beech|steel tube', hand: 'right|left|both' },
        ),
        leaf(
          'watering',
          'Watering',
          'WA',
          'Watering can|Garden hose|Hose reel|Spray nozzle|Drip system|Rain barrel tap',
          '2 l|5 l|10 l|15 m|25 m',
          [6.9, 159],
          [200, 7800],
          { material: 'galvanised steel|rubber|recycled plastic', colour: 'green|zinc|anthracite' },
        ),
      ],
    },
    {
      code: 'outdoor-living',
      name: 'Outdoor living',
      brands: ['Terrasse', 'Glut', 'Nordhavn', 'Sommerfrische'],
      sentences: [
        'Stays outside from April to October.',
        'Folds in a moment and fits behind a cupboard.',
        'The wood turns silver with time if you let it.',
        'Put together in a quarter of an hour; the tool is in the box.',
      ],
      leaves: [
        leaf(
          'garden-furniture',
          'Garden furniture',
          'GF',
          'Deck chair|Folding chair|Garden bench|Bistro table|Hammock|Side table',
          'acacia|teak|powder-coated steel|for two',
          [39, 499],
          [2800, 24000],
          { material: 'acacia|teak|steel|cotton', foldable: 'yes|no', colour: 'natural|white|olive' },
        ),
        leaf(
          'grills',
          'Grills',
          'GR',
          'Charcoal grill|Kettle grill|Grill tongs|Fire bowl|Chimney starter|Grill grate',
          '37 cm|47 cm|57 cm|portable',
          [14.9, 389],
          [400, 21000],
          { fuel: 'charcoal|wood|gas', colour: 'black|steel|red' },
        ),
      ],
    },
    {
      code: 'plants',
      name: 'Plants',
      brands: ['Samenhaus Vogt', 'Grünwald', 'Terra Nova'],
      sentences: [
        'Grown without peat.',
        'Likes the sun in the morning and its peace in the afternoon.',
        'Enough for about two square metres.',
        'Bees have asked us to keep this one in the range.',
      ],
      leaves: [
        leaf(
          'seeds',
          'Seeds',
          'SE',
          'Tomato seeds|Wildflower mix|Basil seeds|Sunflower seeds|Radish seeds|Kale seeds|Poppy seeds|Pumpkin seeds',
          'early|late|heirloom|organic|seed tape',
          [1.9, 9.9],
          [8, 60],
          { sowing: 'March to May|April to June|all year', height: '20 cm|60 cm|180 cm' },
        ),
        leaf(
          'planters',
          'Planters',
          'PL',
          'Clay pot|Window box|Hanging planter|Raised bed|Plant stand|Self-watering pot',
          '12 cm|18 cm|30 cm|60 cm|120 cm',
          [4.9, 149],
          [300, 15000],
          { material: 'terracotta|zinc|larch|recycled plastic', colour: 'terracotta|anthracite|natural' },
        ),
      ],
    },
  ],
};

const electronics: Department = {
  code: 'electronics',
  name: 'Electronics',
  sections: [
    {
      code: 'audio',
      name: 'Audio',
      brands: ['Klangwerk', 'Oto', 'Bassline', 'Fjord Audio'],
      sentences: [
        'Tuned by ear, then checked by measurement, in that order.',
        'The battery can be replaced with a screwdriver.',
        'Remembers four devices and changes between them without a word.',
        'Comes with a cable for the day on which radio fails.',
        'A full charge lasts from Hamburg to Rome by train.',
      ],
      leaves: [
        leaf(
          'headphones',
          'Headphones',
          'HP',
          'Over-ear headphones|In-ear headphones|Sports earphones|Studio headphones|Kids headphones',
          'wireless|wired|with noise cancelling|open-back',
          [14.9, 349],
          [20, 420],
          { connection: 'Bluetooth 5.4|3.5 mm|USB-C', colour: 'black|white|sand|navy', battery: '24 h|36 h|60 h' },
        ),
        leaf(
          'speakers',
          'Speakers',
          'SP',
          'Bookshelf speaker|Portable speaker|Kitchen radio|Soundbar|Record player|Shower speaker',
          'walnut|compact|stereo pair|with DAB+',
          [24.9, 699],
          [350, 9800],
          { power: '10 W|30 W|80 W|2 × 50 W', connection: 'Bluetooth|Wi-Fi|RCA' },
        ),
      ],
    },
    {
      code: 'computing',
      name: 'Computing',
      brands: ['Tastwerk', 'Pixelhof', 'Oto', 'Kabelbar'],
      sentences: [
        'Works with every operating system that we could find.',
        'No account, no app, no blinking.',
        'Braided cable, 1.8 m.',
        'Keys, feet and cable can be ordered one by one.',
      ],
      leaves: [
        leaf(
          'keyboards',
          'Keyboards and mice',
          'KB',
          'Mechanical keyboard|Compact keyboard|Vertical mouse|Wireless mouse|Numeric keypad|Trackball',
          'QWERTZ|QWERTY|silent|wireless',
          [17.9, 229],
          [80, 1300],
          { layout: 'DE|US|UK', switches: 'linear|tactile|scissor', connection: 'USB-C|Bluetooth' },
        ),
        leaf(
          'computer-accessories',
          'Accessories',
          'CA',
          'USB-C hub|Laptop stand|Monitor arm|Charging cable|Power bank|Webcam|Wrist rest',
          '1 m|2 m|65 W|100 W|aluminium',
          [7.9, 179],
          [60, 3200],
          { colour: 'silver|space grey|black', ports: '2|4|7', standard: 'USB 3.2|USB4' },
        ),
      ],
    },
    {
      code: 'smart-home',
      name: 'Smart home',
      brands: ['Lumo', 'Hausgeist', 'Kabelbar'],
      sentences: [
        'Speaks Matter and keeps what it hears to itself.',
        'Works without the cloud, and without the internet too.',
        'Set up in two minutes from any telephone.',
        'Saves on heating what it costs within two winters.',
      ],
      leaves: [
        leaf(
          'smart-lighting',
          'Lighting',
          'SL',
          'LED bulb|LED strip|Motion light|Smart plug|Dimmer switch',
          'E27|E14|2 m|5 m|set of 3',
          [6.9, 79],
          [40, 600],
          { light: 'white|white and colour', standard: 'Matter|Zigbee', energy: 'A|B|C' },
        ),
        leaf(
          'sensors',
          'Sensors and climate',
          'SN',
          'Radiator thermostat|Door sensor|Air quality monitor|Smoke alarm|Room thermometer',
          'single|set of 2|set of 4|with display',
          [12.9, 189],
          [40, 500],
          { standard: 'Matter|Zigbee|Thread', battery: 'AA|CR2032|mains' },
        ),
      ],
    },
  ],
};

const fashion: Department = {
  code: 'fashion',
  name: 'Fashion',
  sections: [
    {
      code: 'clothing',
      name: 'Clothing',
      brands: ['Strandgut', 'Mühlenbach', 'Ateliê Sol', 'Wool & Weather', 'Hansen'],
      sentences: [
        'Cut straight, with room to move.',
        'Sewn in Porto by people whose names we know.',
        'Falls true to size; if in doubt, take the smaller one.',
        'Gets better with every year.',
        'A spare button is sewn in where you would look for it.',
      ],
      leaves: [
        leaf(
          'knitwear',
          'Knitwear',
          'KW',
          'Merino jumper|Cardigan|Roll-neck jumper|Knitted vest|Fisherman jumper|Wool hat',
          'for women|for men|unisex|oversized',
          [24.9, 189],
          [120, 900],
          {
            size: 'XS|S|M|L|XL',
            colour: 'navy|oatmeal|forest|burgundy|grey',
            material: 'merino wool|lambswool|cotton',
          },
        ),
        leaf(
          'shirts',
          'Shirts and tops',
          'SH',
          'Oxford shirt|Linen shirt|T-shirt|Flannel shirt|Breton top|Polo shirt',
          'for women|for men|slim|regular',
          [14.9, 99],
          [120, 420],
          {
            size: 'XS|S|M|L|XL|XXL',
            colour: 'white|sky blue|striped|black|red',
            material: 'cotton|linen|organic cotton',
          },
        ),
        leaf(
          'jackets',
          'Jackets',
          'JA',
          'Rain jacket|Down jacket|Denim jacket|Work jacket|Parka|Softshell jacket',
          'for women|for men|unisex|lined',
          [59, 389],
          [350, 1900],
          { size: 'S|M|L|XL', colour: 'yellow|navy|olive|black', lining: 'none|cotton|recycled down' },
        ),
      ],
    },
    {
      code: 'shoes-bags',
      name: 'Shoes and bags',
      brands: ['Sohle 7', 'Hansen', 'Tornister', 'Passo'],
      sentences: [
        'Vegetable-tanned leather that darkens in the light.',
        'Can be resoled, and deserves it.',
        'Carries a day, or a weekend if you are modest.',
        'Runs in within an hour.',
      ],
      leaves: [
        leaf(
          'sneakers',
          'Sneakers',
          'SK',
          'Canvas sneaker|Leather sneaker|Running shoe|Slip-on|High-top sneaker',
          'for women|for men|unisex|for children',
          [34.9, 179],
          [400, 980],
          { size: '36|38|40|42|44|46', colour: 'white|black|sand|petrol' },
        ),
        leaf(
          'boots',
          'Boots',
          'BO',
          'Chelsea boot|Rain boot|Hiking boot|Winter boot|Ankle boot',
          'for women|for men|lined|waterproof',
          [49, 289],
          [700, 1900],
          { size: '36|38|40|42|44|46', colour: 'brown|black|green|cognac', sole: 'rubber|crepe' },
        ),
        leaf(
          'backpacks',
          'Backpacks',
          'BP',
          'Roll-top backpack|Daypack|Laptop backpack|Duffel bag|Shoulder bag|Tote bag',
          '12 l|18 l|24 l|35 l',
          [19.9, 229],
          [280, 1700],
          {
            colour: 'olive|mustard|black|sea blue',
            material: 'waxed canvas|recycled polyester|leather',
            waterproof: 'yes|no',
          },
        ),
      ],
    },
  ],
};

const sports: Department = {
  code: 'sports',
  name: 'Sports',
  sections: [
    {
      code: 'camping',
      name: 'Camping',
      brands: ['Fjellräv', 'Zeltplatz', 'Nordhavn', 'Alpenglühen'],
      sentences: [
        'Weighed without the bag, because everyone else does.',
        'Has seen rain from the side and stayed dry inside.',
        'Packs down to the size of a loaf of bread.',
        'Repair tape is in the bag; may you never need it.',
      ],
      leaves: [
        leaf(
          'tents',
          'Tents',
          'TE',
          'Dome tent|Tunnel tent|Trekking tent|Tarp|Family tent',
          'for 1|for 2|for 3|for 4|ultralight',
          [59, 699],
          [750, 14000],
          { season: '3|4', 'water column': '3000 mm|5000 mm', colour: 'sand|moss|orange' },
        ),
        leaf(
          'sleeping-bags',
          'Sleeping bags and mats',
          'SB',
          'Sleeping bag|Sleeping mat|Camping pillow|Down quilt|Inliner',
          'summer|3 seasons|winter|long|kids',
          [14.9, 389],
          [180, 2400],
          { comfort: '10 °C|3 °C|-4 °C', filling: 'down|synthetic' },
        ),
      ],
    },
    {
      code: 'cycling',
      name: 'Cycling',
      brands: ['Radhaus', 'Speiche', 'Kette & Co.', 'Velo Lune'],
      sentences: [
        'Fits every bicycle that we have tried it on.',
        'Two screws, no adapter, no swearing.',
        'Seen from 300 metres away.',
        'Made in a workshop that comes to work by bicycle.',
      ],
      leaves: [
        leaf(
          'helmets',
          'Helmets',
          'HE',
          'City helmet|Road helmet|Kids helmet|Mountain bike helmet|Commuter helmet',
          'S|M|L|with light',
          [29.9, 219],
          [210, 480],
          { colour: 'white|black|coral|mint', MIPS: 'yes|no' },
        ),
        leaf(
          'bike-parts',
          'Lights and parts',
          'BI',
          'Front light|Rear light|Chain|Saddle|Pannier|Floor pump|Bicycle bell|Folding lock',
          'USB-C|with dynamo|classic|pair',
          [5.9, 159],
          [30, 2400],
          { mounting: 'handlebar|seat post|rack', colour: 'black|silver|brass' },
        ),
      ],
    },
    {
      code: 'fitness',
      name: 'Fitness',
      brands: ['Kraftraum', 'Asana', 'Puls'],
      sentences: [
        'Does not slip, and does not smell of tyre.',
        'Fits under the sofa between the good intentions.',
        'For beginners, and for those who begin again.',
        'The exercise sheet inside is better than most apps.',
      ],
      leaves: [
        leaf(
          'yoga',
          'Yoga',
          'YO',
          'Yoga mat|Yoga block|Meditation cushion|Yoga strap|Balance board',
          '4 mm|6 mm|cork|travel',
          [9.9, 129],
          [200, 3100],
          { material: 'natural rubber|cork|cotton', colour: 'plum|sea green|anthracite' },
        ),
        leaf(
          'weights',
          'Weights',
          'WE',
          'Kettlebell|Dumbbell|Resistance band|Weight plate|Jump rope|Medicine ball',
          '2 kg|4 kg|8 kg|12 kg|set of 3',
          [7.9, 119],
          [150, 16000],
          { material: 'cast iron|neoprene|latex', colour: 'black|grey|lime' },
        ),
      ],
    },
  ],
};

const toys: Department = {
  code: 'toys',
  name: 'Toys',
  sections: [
    {
      code: 'games',
      name: 'Games',
      brands: ['Spielraum', 'Würfelbude', 'Rätsel & Co.'],
      sentences: [
        'The rules fit on one page, and they are good rules.',
        'For two who want peace, or six who do not.',
        'Wooden pieces, linen-finished cards.',
        'Nobody is thrown out before the end.',
      ],
      leaves: [
        leaf(
          'board-games',
          'Board games',
          'BG',
          'The Harbour Masters|Owls of the Old Town|Bread and Bakers|Island Post|Night Train|The Quiet Market|Mill and River|Seven Gardens',
          'base game|expansion|travel edition|family edition',
          [9.9, 69],
          [180, 2400],
          { players: '1-4|2-4|2-6|3-8', age: '6+|8+|10+|12+', minutes: '20|45|90' },
        ),
        leaf(
          'puzzles',
          'Puzzles',
          'PU',
          'Puzzle Harbour at Dawn|Puzzle Map of the Alps|Puzzle Botanical Garden|Puzzle Night Sky|Wooden puzzle Animals|Puzzle Market Day',
          '48 pieces|500 pieces|1000 pieces|2000 pieces',
          [7.9, 44],
          [200, 1600],
          { age: '3+|8+|12+', artist: 'H. Lund|Mira Sato|after an old print' },
        ),
      ],
    },
    {
      code: 'play',
      name: 'Playing',
      brands: ['Holzwurm', 'Bärenhöhle', 'Spielraum'],
      sentences: [
        'Beech from the Harz, painted with colours that may be chewed.',
        'Survives siblings.',
        'Batteries: none. Noise: depends on the child.',
        'Goes together with everything else of the series.',
      ],
      leaves: [
        leaf(
          'building-blocks',
          'Building blocks',
          'BB',
          'Wooden blocks|Marble run|Train set|Stacking tower|Magnetic tiles|Crane',
          'basic set|large set|extension|rainbow',
          [9.9, 129],
          [300, 5200],
          { age: '1+|3+|5+', material: 'beech|maple|magnets and ABS', pieces: '24|50|100' },
        ),
        leaf(
          'plush',
          'Soft toys',
          'PS',
          'Bear|Hare|Fox|Whale|Sheep|Hedgehog|Owl',
          'small|large|with scarf|sleepy',
          [9.9, 59],
          [80, 900],
          { size: '18 cm|25 cm|40 cm', wash: '30 °C', colour: 'brown|grey|cream' },
        ),
      ],
    },
  ],
};

const books: Department = {
  code: 'books',
  name: 'Books',
  sections: [
    {
      code: 'fiction',
      name: 'Fiction',
      brands: ['Verlag am Fluss', 'Kranich', 'Halbinsel Books'],
      sentences: [
        'A book for a long train journey, or for staying at home on purpose.',
        'Begins with a letter that arrives eleven years late.',
        'Told by someone who was not there, which turns out to matter.',
        'Longlisted for three prizes, read in one night.',
      ],
      leaves: [
        leaf(
          'novels',
          'Novels',
          'NO',
          'The Lighthouse Keeper’s Daughter|A Summer in Rügen|The Salt Road|What the River Kept|Eleven Letters|The Orchard Wall|North of Here|The Clockmaker of Görlitz',
          'hardcover|paperback|large print|signed edition',
          [9.9, 32],
          [180, 780],
          {
            pages: '224|312|416|608',
            language: 'English|German',
            author: 'M. Sørensen|Ada Kessler|J. O’Leary|T. Vránová',
          },
        ),
        leaf(
          'crime',
          'Crime',
          'CR',
          'Low Tide|The Ferry to Amrum|Cold Harbour|Inspector Brandt’s Third Mistake|The Allotment|Fog over the Elbe|The Last Tram',
          'hardcover|paperback|pocket edition',
          [8.9, 26],
          [170, 620],
          { pages: '288|352|448', language: 'English|German', author: 'Lena Brandt|P. Dufour|K. Ødegaard' },
        ),
      ],
    },
    {
      code: 'non-fiction',
      name: 'Non-fiction',
      brands: ['Kranich', 'Werkstatt Verlag', 'Halbinsel Books'],
      sentences: [
        'Opens flat on the table and stays there.',
        'Every recipe, route or rule in it was tried by someone impatient.',
        'With 180 photographs and an index that works.',
        'Revised for this edition.',
      ],
      leaves: [
        leaf(
          'cookbooks',
          'Cookbooks',
          'CB',
          'The Slow Sunday|Bread for Beginners|Cooking with Three Things|Grandmother’s Preserves|The Whole Vegetable|Soup',
          'hardcover|paperback|new edition',
          [14.9, 42],
          [380, 1700],
          { pages: '176|240|320', language: 'English|German', photographs: '60|120|180' },
        ),
        leaf(
          'travel',
          'Travel and nature',
          'TR',
          'Walking the Harz|By Night Train through Europe|Birds of the Back Garden|The Baltic on Foot|Mushrooms, Carefully|Swimming in Lakes',
          'paperback|pocket edition|with maps',
          [12.9, 36],
          [220, 900],
          { pages: '160|256|384', language: 'English|German', maps: '12|40' },
        ),
      ],
    },
  ],
};

const office: Department = {
  code: 'office',
  name: 'Office',
  sections: [
    {
      code: 'writing',
      name: 'Writing',
      brands: ['Federleicht', 'Papierkram', 'Kontor'],
      sentences: [
        'Writes at once, also after a holiday.',
        'Refills can be had everywhere.',
        'Paper that forgives a fountain pen.',
        'For lists, drawings, and the beginning of novels.',
      ],
      leaves: [
        leaf(
          'pens',
          'Pens',
          'PE',
          'Fountain pen|Ballpoint pen|Mechanical pencil|Fineliner set|Brush pen|Coloured pencils',
          'fine|medium|broad|set of 6|set of 12',
          [2.9, 129],
          [12, 320],
          { ink: 'blue|black|royal blue', material: 'brass|aluminium|cedar|resin' },
        ),
        leaf(
          'notebooks',
          'Notebooks',
          'NB',
          'Notebook|Sketchbook|Diary|Reporter pad|Music book|Guest book',
          'A6|A5|A4|pocket',
          [3.9, 39],
          [60, 800],
          { ruling: 'blank|lined|dotted|squared', cover: 'linen|kraft|leather', pages: '96|144|192' },
        ),
      ],
    },
    {
      code: 'desk',
      name: 'Desk',
      brands: ['Kontor', 'Ordnung!', 'Lumo'],
      sentences: [
        'Makes room where there seemed to be none.',
        'Felt feet; the desk will not notice.',
        'Stackable with itself.',
        'Powder-coated in Thuringia.',
      ],
      leaves: [
        leaf(
          'organisers',
          'Organisers',
          'OR',
          'Letter tray|Pen holder|Magazine file|Drawer box|Cable box|Desk pad',
          'A4|small|wide|double',
          [6.9, 89],
          [150, 2900],
          { material: 'oak|steel|felt|recycled board', colour: 'black|white|oak|red' },
        ),
        leaf(
          'desk-lamps',
          'Desk lamps',
          'DL',
          'Desk lamp|Clamp lamp|Monitor light|Architect lamp',
          'dimmable|LED|with base|with clamp',
          [24.9, 249],
          [600, 3800],
          { light: '2700 K|4000 K|adjustable', colour: 'black|white|yellow' },
        ),
      ],
    },
  ],
};

/** The shop's departments in the order of its navigation. */
export const ASSORTMENT: readonly Department[] = [home, garden, electronics, fashion, sports, toys, books, office];
