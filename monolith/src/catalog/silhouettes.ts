/** The tones of one picture, from light to dark. */
export interface Tones {
  readonly light: string;
  readonly main: string;
  readonly dark: string;
}

type Draw = (tones: Tones) => string;

/**
 * Simple shapes on a canvas of 400 by 400 that stand on y = 310. The key is the last part of a category's path; what has
 * none of its own takes that of its department.
 */
const SILHOUETTES: Readonly<Record<string, Draw>> = {
  knives: ({ main, dark }) =>
    `<g transform="rotate(-38 200 200)"><path d="M60 178h188v46H120c-34 0-56-18-60-46z" fill="#c9d1d6"/><path d="M60 178h188v14H64z" fill="#fff" opacity=".5"/><rect x="248" y="172" width="100" height="40" rx="14" fill="${dark}"/><circle cx="275" cy="192" r="5" fill="${main}"/><circle cx="320" cy="192" r="5" fill="${main}"/></g>`,
  cookware: ({ light, main, dark }) =>
    `<path d="M90 190h220v80q0 40-40 40H130q-40 0-40-40z" fill="${main}"/><path d="M90 190h60v120h-20q-40 0-40-40z" fill="${light}" opacity=".6"/><rect x="78" y="176" width="244" height="20" rx="10" fill="${dark}"/><path d="M110 176q10-46 90-46t90 46z" fill="${light}"/><circle cx="200" cy="122" r="13" fill="${dark}"/><rect x="52" y="204" width="40" height="18" rx="9" fill="${dark}"/><rect x="308" y="204" width="40" height="18" rx="9" fill="${dark}"/>`,
  tableware: ({ light, main, dark }) =>
    `<path d="M110 160h150v100q0 50-50 50h-50q-50 0-50-50z" fill="${main}"/><path d="M110 160h40v150q-40-4-40-50z" fill="${light}" opacity=".7"/><ellipse cx="185" cy="160" rx="75" ry="17" fill="${dark}"/><path d="M260 184h14q34 0 34 36t-34 36h-16" fill="none" stroke="${main}" stroke-width="18"/><path d="M160 128q-12-18 0-34t0-34M205 128q-12-18 0-34t0-34" fill="none" stroke="${light}" stroke-width="7" stroke-linecap="round"/>`,
  lamps: ({ light, main, dark }) =>
    `<path d="M150 90h100l50 112H100z" fill="${main}"/><path d="M150 90h34l-20 112h-64z" fill="${light}" opacity=".7"/><rect x="193" y="202" width="14" height="92" fill="${dark}"/><path d="M140 310q0-20 60-20t60 20z" fill="${dark}"/><path d="M110 216l-28 70h236l-28-70z" fill="#fff" opacity=".16"/>`,
  cushions: ({ light, main, dark }) =>
    `<path d="M96 120q104 22 208 0 22 95 0 190-104-22-208 0-22-95 0-190z" fill="${main}"/><path d="M96 120q104 22 208 0l-104 95z" fill="${light}" opacity=".55"/><path d="M96 310q104-22 208 0l-104-95z" fill="${dark}" opacity=".35"/><circle cx="200" cy="214" r="9" fill="${dark}"/>`,
  vases: ({ light, main, dark }) =>
    `<path d="M166 160h68q0 34 24 60 26 50-16 90h-84q-42-40-16-90 24-26 24-60z" fill="${main}"/><path d="M166 160h26q-2 60-24 90-10 34 4 60h-14q-42-40-16-90 24-26 24-60z" fill="${light}" opacity=".6"/><path d="M200 160V84M200 130q-40-6-46-46 42 4 46 46zM200 116q36-10 40-52-38 8-40 52z" fill="${dark}" stroke="${dark}" stroke-width="5"/>`,
  towels: ({ light, main, dark }) =>
    `<rect x="96" y="250" width="208" height="60" rx="26" fill="${dark}"/><rect x="104" y="190" width="192" height="60" rx="26" fill="${main}"/><rect x="112" y="130" width="176" height="60" rx="26" fill="${light}"/><path d="M240 130v60M252 190v60M260 250v60" stroke="#fff" stroke-width="6" opacity=".6"/>`,
  'bath-accessories': ({ light, main, dark }) =>
    `<rect x="140" y="160" width="120" height="150" rx="26" fill="${main}"/><rect x="140" y="160" width="44" height="150" rx="22" fill="${light}" opacity=".6"/><rect x="182" y="120" width="36" height="42" fill="${dark}"/><path d="M186 104h70q18 0 18 20h-26v12h-62z" fill="${dark}"/>`,
  'hand-tools': ({ light, main, dark }) =>
    `<g transform="rotate(28 200 200)"><rect x="188" y="70" width="24" height="140" rx="8" fill="${light}"/><path d="M160 62h80v26h-80z" fill="${dark}"/><path d="M142 200h116v60q0 52-58 76-58-24-58-76z" fill="${main}"/><path d="M142 200h40v118q-40-22-40-58z" fill="#fff" opacity=".22"/></g>`,
  watering: ({ light, main, dark }) =>
    `<path d="M140 180h130v104q0 26-26 26h-78q-26 0-26-26z" fill="${main}"/><path d="M140 180h42v130h-16q-26 0-26-26z" fill="${light}" opacity=".5"/><path d="M140 262L70 180l18-14 62 70z" fill="${dark}"/><path d="M54 190l50-44 8 10-50 44z" fill="${dark}"/><path d="M166 180q0-62 54-62t80 62q14 60-30 92" fill="none" stroke="${dark}" stroke-width="16"/>`,
  'garden-furniture': ({ light, main, dark }) =>
    `<path d="M110 310L250 96M290 310L150 190" stroke="${dark}" stroke-width="16" stroke-linecap="round"/><path d="M240 92l26 18-92 150-34-20z" fill="${main}"/><path d="M128 232h142l8 24H130z" fill="${light}"/><path d="M228 116l24 16M208 148l25 16M188 180l25 16" stroke="#fff" stroke-width="8" opacity=".5"/>`,
  grills: ({ light, main, dark }) =>
    `<path d="M96 190h208q0 76-104 76T96 190z" fill="${main}"/><path d="M96 182q0-72 104-72t104 72z" fill="${light}"/><rect x="180" y="92" width="40" height="22" rx="9" fill="${dark}"/><path d="M150 258l-34 52M250 258l34 52M200 264v46" stroke="${dark}" stroke-width="14" stroke-linecap="round"/>`,
  seeds: ({ light, main, dark }) =>
    `<path d="M200 310V170" stroke="${dark}" stroke-width="12" stroke-linecap="round"/><path d="M200 230q-88 0-92-84 86 0 92 84z" fill="${main}"/><path d="M200 190q6-96 96-98 2 92-96 98z" fill="${light}"/><path d="M130 310q70-40 140 0z" fill="${dark}"/>`,
  planters: ({ light, main, dark }) =>
    `<path d="M130 220h140l-18 90H148z" fill="${main}"/><path d="M130 220h46l4 90h-32z" fill="${light}" opacity=".5"/><rect x="118" y="200" width="164" height="26" rx="8" fill="${dark}"/><path d="M200 200q-74-14-78-96 74 8 78 96zM200 200q4-100 84-104-2 92-84 104zM200 200q-26-76 2-124 28 52-2 124z" fill="${light}"/>`,
  headphones: ({ light, main, dark }) =>
    `<path d="M104 230v-20q0-100 96-100t96 100v20" fill="none" stroke="${dark}" stroke-width="20"/><rect x="84" y="214" width="58" height="96" rx="26" fill="${main}"/><rect x="258" y="214" width="58" height="96" rx="26" fill="${main}"/><rect x="122" y="222" width="22" height="80" rx="11" fill="${light}"/><rect x="256" y="222" width="22" height="80" rx="11" fill="${light}"/>`,
  speakers: ({ light, main, dark }) =>
    `<rect x="130" y="84" width="140" height="226" rx="18" fill="${main}"/><rect x="130" y="84" width="50" height="226" rx="18" fill="${light}" opacity=".35"/><circle cx="200" cy="236" r="48" fill="${dark}"/><circle cx="200" cy="236" r="22" fill="${light}"/><circle cx="200" cy="138" r="26" fill="${dark}"/><circle cx="200" cy="138" r="10" fill="${light}"/>`,
  keyboards: ({ light, main, dark }) =>
    `<rect x="64" y="170" width="272" height="120" rx="20" fill="${dark}"/>${[0, 1, 2].map((row) => [0, 1, 2, 3, 4, 5, 6].map((key) => `<rect x="${82 + key * 35}" y="${186 + row * 30}" width="27" height="22" rx="5" fill="${(row + key) % 5 === 0 ? light : main}"/>`).join('')).join('')}<path d="M200 170q0-50 50-50t50-40" fill="none" stroke="${main}" stroke-width="8"/>`,
  'computer-accessories': ({ light, main, dark }) =>
    `<rect x="110" y="196" width="180" height="92" rx="20" fill="${main}"/><rect x="110" y="196" width="180" height="36" rx="18" fill="${light}" opacity=".5"/><rect x="134" y="246" width="34" height="14" rx="4" fill="${dark}"/><rect x="183" y="246" width="34" height="14" rx="4" fill="${dark}"/><rect x="232" y="246" width="34" height="14" rx="4" fill="${dark}"/><path d="M200 196V110q0-20 20-20h70" fill="none" stroke="${dark}" stroke-width="12" stroke-linecap="round"/>`,
  'smart-lighting': ({ light, main, dark }) =>
    `<path d="M200 84q76 0 76 76 0 40-34 70-8 10-8 28h-68q0-18-8-28-34-30-34-70 0-76 76-76z" fill="${light}"/><path d="M200 84q-76 0-76 76 0 40 34 70 8 10 8 28h24q-40-90 10-174z" fill="#fff" opacity=".45"/><rect x="164" y="264" width="72" height="18" rx="6" fill="${main}"/><rect x="170" y="286" width="60" height="24" rx="10" fill="${dark}"/>`,
  sensors: ({ light, main, dark }) =>
    `<circle cx="200" cy="206" r="104" fill="${main}"/><circle cx="200" cy="206" r="76" fill="${light}"/><path d="M146 240a60 60 0 1 1 108 0" fill="none" stroke="${dark}" stroke-width="12" stroke-linecap="round"/><path d="M200 212l30-38" stroke="${dark}" stroke-width="10" stroke-linecap="round"/><circle cx="200" cy="212" r="10" fill="${dark}"/>`,
  knitwear: ({ light, main, dark }) =>
    `<path d="M156 100q44 26 88 0l50 24 34 120-42 14-20-70v122H134V188l-20 70-42-14 34-120z" fill="${main}"/><path d="M156 100q44 26 88 0l-8 26q-36 16-72 0z" fill="${dark}"/><path d="M134 236h132M134 256h132" stroke="${light}" stroke-width="9" stroke-dasharray="10 8"/><path d="M134 294h132v16H134z" fill="${dark}"/>`,
  shirts: ({ light, main, dark }) =>
    `<path d="M158 98l42 30 42-30 52 26 30 84-44 18-14-34v118H134V192l-14 34-44-18 30-84z" fill="${main}"/><path d="M158 98l42 30-22 26-34-44zM242 98l-42 30 22 26 34-44z" fill="${light}"/><path d="M200 132v178" stroke="${dark}" stroke-width="4"/><g fill="${dark}"><circle cx="208" cy="176" r="4"/><circle cx="208" cy="216" r="4"/><circle cx="208" cy="256" r="4"/></g>`,
  jackets: ({ light, main, dark }) =>
    `<path d="M150 96h100l50 30 26 150-40 10-20-80v104H134V206l-20 80-40-10 26-150z" fill="${main}"/><path d="M150 96h100l-20 34q-30 14-60 0z" fill="${dark}"/><path d="M200 136v174" stroke="${light}" stroke-width="7" stroke-dasharray="6 5"/><rect x="148" y="236" width="36" height="40" rx="6" fill="${dark}" opacity=".5"/><rect x="216" y="236" width="36" height="40" rx="6" fill="${dark}" opacity=".5"/>`,
  sneakers: ({ light, main, dark }) =>
    `<path d="M76 196q30 14 56-12l22-22 74 66q60 10 92 34 10 22 0 32H80q-12-50-4-98z" fill="${main}"/><path d="M76 282h250q4 28-18 28H90q-16 0-14-28z" fill="#fff"/><path d="M162 176l-20 22M182 194l-20 22M202 212l-20 22" stroke="${light}" stroke-width="9" stroke-linecap="round"/><path d="M76 196q30 14 56-12l14 98H78q-6-40-2-86z" fill="${dark}" opacity=".4"/>`,
  boots: ({ light, main, dark }) =>
    `<path d="M140 92h96v130q70 14 84 64H140z" fill="${main}"/><path d="M140 92h36v194h-36z" fill="${light}" opacity=".45"/><path d="M132 284h192q4 26-16 26H146q-14 0-14-26z" fill="${dark}"/><path d="M182 92l14 90 12-90z" fill="${dark}" opacity=".6"/>`,
  backpacks: ({ light, main, dark }) =>
    `<path d="M120 170q0-70 80-70t80 70v120q0 20-20 20H140q-20 0-20-20z" fill="${main}"/><path d="M170 104q0-28 30-28t30 28" fill="none" stroke="${dark}" stroke-width="12"/><rect x="146" y="222" width="108" height="70" rx="14" fill="${light}"/><path d="M146 246h108" stroke="${dark}" stroke-width="6"/><path d="M120 180h160v16H120z" fill="${dark}" opacity=".5"/>`,
  tents: ({ light, main, dark }) =>
    `<path d="M200 100L330 310H70z" fill="${main}"/><path d="M200 100L70 310h80z" fill="${light}"/><path d="M200 150l52 160H148z" fill="${dark}"/><path d="M200 150v160" stroke="${main}" stroke-width="5"/><path d="M200 100l-12-24M200 100l12-24" stroke="${dark}" stroke-width="6" stroke-linecap="round"/>`,
  'sleeping-bags': ({ light, main, dark }) =>
    `<rect x="84" y="190" width="232" height="120" rx="60" fill="${main}"/><circle cx="144" cy="250" r="60" fill="${dark}"/><circle cx="144" cy="250" r="38" fill="${light}"/><circle cx="144" cy="250" r="18" fill="${dark}"/><path d="M220 190v120M276 196v108" stroke="${light}" stroke-width="10"/>`,
  helmets: ({ light, main, dark }) =>
    `<path d="M82 250q0-130 120-130 118 0 122 112l-20 22H96z" fill="${main}"/><path d="M140 150q-30 40-26 92M190 128q-16 60-10 114M244 132q16 50 14 110" fill="none" stroke="${dark}" stroke-width="13" stroke-linecap="round"/><path d="M96 254h208l-10 22H110z" fill="${light}"/><path d="M150 276q20 40 50 34 30 6 52-34" fill="none" stroke="${dark}" stroke-width="7"/>`,
  'bike-parts': ({ light, main, dark }) =>
    `<circle cx="200" cy="206" r="102" fill="none" stroke="${dark}" stroke-width="16"/><circle cx="200" cy="206" r="84" fill="none" stroke="${light}" stroke-width="6"/>${[0, 30, 60, 90, 120, 150].map((angle) => `<path d="M116 206h168" stroke="${main}" stroke-width="4" transform="rotate(${angle} 200 206)"/>`).join('')}<circle cx="200" cy="206" r="18" fill="${dark}"/>`,
  yoga: ({ light, main, dark }) =>
    `<path d="M120 220l210 50v24L110 300z" fill="${light}"/><rect x="80" y="196" width="200" height="104" rx="52" fill="${main}" transform="rotate(-8 180 248)"/><circle cx="128" cy="258" r="46" fill="${dark}"/><path d="M128 230a28 28 0 1 0 28 28 18 18 0 1 0-18 12" fill="none" stroke="${light}" stroke-width="7"/>`,
  weights: ({ light, main, dark }) =>
    `<path d="M150 184q-14-88 50-88t50 88" fill="none" stroke="${dark}" stroke-width="24"/><circle cx="200" cy="236" r="80" fill="${main}"/><path d="M136 284q-34-50 6-104 10 70 60 124-40 12-66-20z" fill="${light}" opacity=".45"/><rect x="150" y="296" width="100" height="18" rx="8" fill="${dark}"/>`,
  'board-games': ({ light, main, dark }) =>
    `<path d="M80 250l120-56 120 56-120 56z" fill="${main}"/><path d="M80 250v18l120 56v-18zM320 250v18l-120 56v-18z" fill="${dark}"/><path d="M140 222l120 56M200 194M260 222l-120 56" stroke="${light}" stroke-width="5"/><g fill="${light}"><circle cx="170" cy="150" r="20"/><path d="M146 236q4-70 24-70t24 70z"/></g><rect x="226" y="176" width="56" height="56" rx="12" fill="#fff"/><g fill="${dark}"><circle cx="242" cy="192" r="5"/><circle cx="266" cy="216" r="5"/><circle cx="254" cy="204" r="5"/></g>`,
  puzzles: ({ light, main, dark }) =>
    `<path d="M100 130h90q-14 40 18 40t18-40h84v84q40-14 40 18t-40 18v60H100z" fill="${main}"/><path d="M100 214h70q-8-36 22-36t22 36h96M204 310v-50q34 10 34-20t-34-22" fill="none" stroke="${dark}" stroke-width="7"/><path d="M100 130h90q-4 20 2 30l-92 54z" fill="${light}" opacity=".5"/>`,
  'building-blocks': ({ light, main, dark }) =>
    `<rect x="90" y="230" width="80" height="80" rx="8" fill="${dark}"/><rect x="180" y="230" width="130" height="80" rx="8" fill="${main}"/><path d="M180 230a65 65 0 0 1 130 0z" fill="${light}"/><path d="M130 140l50 86H80z" fill="${main}"/><circle cx="245" cy="132" r="32" fill="${dark}"/>`,
  plush: ({ light, main, dark }) =>
    `<circle cx="150" cy="112" r="28" fill="${dark}"/><circle cx="250" cy="112" r="28" fill="${dark}"/><ellipse cx="200" cy="256" rx="80" ry="58" fill="${main}"/><circle cx="200" cy="158" r="68" fill="${main}"/><ellipse cx="200" cy="180" rx="34" ry="26" fill="${light}"/><circle cx="176" cy="144" r="7" fill="${dark}"/><circle cx="224" cy="144" r="7" fill="${dark}"/><ellipse cx="200" cy="170" rx="11" ry="8" fill="${dark}"/><ellipse cx="200" cy="264" rx="40" ry="34" fill="${light}"/><ellipse cx="136" cy="298" rx="28" ry="16" fill="${dark}"/><ellipse cx="264" cy="298" rx="28" ry="16" fill="${dark}"/>`,
  novels: ({ light, main, dark }) => book(main, dark, light, '<circle cx="212" cy="170" r="30" fill="currentColor"/>'),
  crime: ({ light, main, dark }) =>
    book(dark, main, light, '<path d="M182 140h60v60h-60z" fill="currentColor" transform="rotate(45 212 170)"/>'),
  cookbooks: ({ light, main, dark }) =>
    book(main, dark, light, '<path d="M178 180q0-40 34-40t34 40z M170 188h84v10h-84z" fill="currentColor"/>'),
  travel: ({ light, main, dark }) =>
    book(light, dark, main, '<path d="M168 200l30-50 18 26 14-18 28 42z" fill="currentColor"/>'),
  pens: ({ light, main, dark }) =>
    `<g transform="rotate(40 200 200)"><rect x="180" y="70" width="40" height="180" rx="16" fill="${main}"/><rect x="180" y="70" width="14" height="180" rx="7" fill="${light}" opacity=".7"/><path d="M180 250h40l-14 50h-12z" fill="${dark}"/><path d="M194 300h12l-6 28z" fill="${light}"/><rect x="216" y="84" width="10" height="80" rx="5" fill="${dark}"/></g>`,
  notebooks: ({ light, main, dark }) =>
    `<rect x="116" y="90" width="172" height="220" rx="14" fill="${main}"/><rect x="116" y="90" width="30" height="220" rx="14" fill="${dark}"/><rect x="176" y="130" width="84" height="50" rx="6" fill="${light}"/><path d="M262 90v220" stroke="${dark}" stroke-width="9"/><path d="M190 148h56M190 162h36" stroke="${dark}" stroke-width="5"/>`,
  organisers: ({ light, main, dark }) =>
    `<path d="M168 210l-16-110 22-4 16 114zM214 210V84h20v126zM250 210l26-92 18 6-24 86z" fill="${light}"/><path d="M120 200h160l-12 110H132z" fill="${main}"/><path d="M120 200h54l2 110h-44z" fill="#fff" opacity=".2"/><rect x="114" y="194" width="172" height="18" rx="8" fill="${dark}"/>`,
  'desk-lamps': ({ light, main, dark }) =>
    `<path d="M170 300l-50-96 100-80" fill="none" stroke="${dark}" stroke-width="13" stroke-linejoin="round"/><circle cx="120" cy="204" r="12" fill="${light}"/><path d="M204 92l90 50-76 46q-34-40-14-96z" fill="${main}"/><path d="M240 186l54-34 30 110-90 30z" fill="#fff" opacity=".2"/><path d="M110 310q0-22 60-22t60 22z" fill="${dark}"/>`,
};

function book(cover: string, spine: string, paper: string, ornament: string): string {
  return `<path d="M130 88h150q10 0 10 10v200H140q-24 0-24-22V102q0-14 14-14z" fill="${cover}"/><path d="M116 276q0-18 24-18h150v40H140q-24 0-24-22z" fill="#fff" opacity=".85"/><path d="M116 276q0 34 24 34h150v-12H140q-12 0-12-11t12-11h150" fill="${spine}"/><path d="M136 88v176" stroke="${spine}" stroke-width="6" opacity=".6"/><g color="${paper}">${ornament}</g>`;
}

const OF_DEPARTMENT: Readonly<Record<string, string>> = {
  home: 'lamps',
  garden: 'planters',
  electronics: 'headphones',
  fashion: 'jackets',
  sports: 'tents',
  toys: 'plush',
  books: 'novels',
  office: 'notebooks',
};

const PARCEL: Draw = ({ light, main, dark }) =>
  `<path d="M90 170l110-46 110 46v110l-110 40-110-40z" fill="${main}"/><path d="M90 170l110 44v106L90 280z" fill="${light}"/><path d="M145 147l110 44v40l-26-10" fill="none" stroke="${dark}" stroke-width="12"/>`;

/** The shape for a category; a parcel for one that nobody has drawn. */
export function silhouette(path: string, tones: Tones): string {
  const parts = path.split('/');
  const own = SILHOUETTES[parts.at(-1) ?? ''];
  const draw = own ?? SILHOUETTES[OF_DEPARTMENT[parts[0] ?? ''] ?? ''] ?? PARCEL;
  return draw(tones);
}
