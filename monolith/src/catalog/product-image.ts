import type { Database } from '../database.ts';
import { noProduct } from './product-detail.ts';
import { silhouette } from './silhouettes.ts';

/** Hues of the departments, in degrees; a product turns a little away from its department's. */
const HUES: Readonly<Record<string, number>> = {
  home: 28,
  garden: 130,
  electronics: 215,
  fashion: 345,
  sports: 185,
  toys: 48,
  books: 265,
  office: 95,
};

/** The picture of a product, drawn from its id, its category and the number of its picture. @throws Refusal NO_PROD */
export async function imageOf({ prisma }: Database, id: number): Promise<string> {
  const row = await prisma.prod.findUnique({ where: { prod_id: id }, select: { cat_path: true, img_no: true } });
  if (!row) throw noProduct(id);
  return drawing(row.cat_path, id * 47 + row.img_no * 31);
}

/** The picture of a department. */
export function departmentImage(code: string): string {
  return drawing(code, 0);
}

/** A shape on a soft ground; equal arguments give the same text. */
function drawing(path: string, seed: number): string {
  const department = path.split('/', 1)[0]!;
  const turn = (seed % 61) - 30;
  const hue = ((HUES[department] ?? 30) + turn + 360) % 360;
  // Every fifth thing has a colour of its own, as on a real shelf.
  const own = seed % 5 === 0 && seed !== 0 ? (hue + 150) % 360 : hue;
  const tones = {
    light: `hsl(${own} 46% ${74 - (seed % 4) * 3}%)`,
    main: `hsl(${own} ${36 + (seed % 5) * 5}% ${50 - (seed % 3) * 6}%)`,
    dark: `hsl(${own} 34% 24%)`,
  };
  const scale = 0.82 + (seed % 7) * 0.02;
  const mirrored = seed % 2 === 1 ? -1 : 1;
  const place = `translate(200 210) scale(${(scale * mirrored).toFixed(2)} ${scale.toFixed(2)}) translate(-200 -210)`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" width="400" height="400"><defs><linearGradient id="g" x1="0" y1="0" x2=".6" y2="1"><stop offset="0" stop-color="hsl(${hue} 52% 96%)"/><stop offset="1" stop-color="hsl(${(hue + 24) % 360} 38% 86%)"/></linearGradient></defs><rect width="400" height="400" fill="url(#g)"/><circle cx="${90 + (seed % 9) * 26}" cy="${80 + (seed % 6) * 14}" r="${90 + (seed % 5) * 16}" fill="#fff" opacity=".35"/><ellipse cx="200" cy="316" rx="132" ry="15" fill="hsl(${hue} 30% 30%)" opacity=".16"/><g transform="${place}">${silhouette(path, tones)}</g></svg>`;
}
