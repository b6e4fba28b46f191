import type { CapabilityStatus, StatusReport } from '../control/control-plane.ts';
import { type Cell, formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

/** The data of each capability: who owns it, and how far the copies are. */
export function dataTable({ capabilities, proxies }: StatusReport, { paint }: Terminal): string {
  const head = ['DATA', 'OWNER', 'EPOCH', 'GUARD', 'FORWARD', 'REVERSE', 'VERIFIED', 'PARITY', 'WRITES'].map(
    (text): Cell => ({ text, paint: (plain) => paint('bold', plain) }),
  );
  const rows = capabilities.map((each): readonly Cell[] => [
    { text: each.capability },
    each.owner === null
      ? { text: 'unknown', paint: (plain) => paint('red', plain) }
      : { text: each.owner, paint: (plain) => paint(each.owner === 'service' ? 'green' : 'cyan', plain) },
    { text: each.epoch === null ? '-' : String(each.epoch) },
    { text: guardText(each) },
    { text: streamText(each.streams.forward) },
    { text: streamText(each.streams.reverse) },
    { text: verifiedText(each) },
    { text: parityText(each) },
    { text: `${each.writes.in_flight} under way, ${each.writes.waiting} waiting` },
  ]);
  const notes = capabilities.flatMap((each) => [
    ...(each.trouble === null ? [] : [paint('red', `${each.capability}: ${each.trouble}`)]),
    ...(each.under_way === null
      ? []
      : [paint('yellow', `${each.capability}: ${each.under_way.kind} under way: ${each.under_way.step ?? 'waiting'}`)]),
    ...(each.last === null || each.last.said === null ? [] : [`${each.capability}: ${each.last.said}`]),
  ]);
  const silent = proxies.filter(({ answers }) => !answers).map(({ name }) => name);
  const proxyText =
    proxies.length === 0
      ? 'No proxy has reported.'
      : `${proxies.length - silent.length} of ${proxies.length} proxies answer${silent.length > 0 ? `; silent: ${silent.join(', ')}` : ''}.`;
  return [formatTable([head, ...rows]), ...notes, proxyText].join('\n');
}

function guardText({ guard, owner }: CapabilityStatus): string {
  if (guard.monolith === null || guard.service === null) return 'missing';
  const mode = guard.monolith.mode === 'enforce' && guard.service.mode === 'enforce' ? 'enforces' : 'observes';
  const refused = owner === null ? 0 : guard.monolith.refused + guard.service.refused;
  return refused > 0 ? `${mode}, ${refused} refused` : mode;
}

function streamText(stream: CapabilityStatus['streams']['forward']): string {
  if (stream === null) return 'none';
  return stream.parked_events > 0 ? `${stream.parked_events} parked` : 'flows';
}

function verifiedText({ verification }: CapabilityStatus): string {
  if (verification === null) return 'never';
  const { verdict, age_seconds } = verification;
  const age = age_seconds < 120 ? `${age_seconds} s` : `${Math.round(age_seconds / 60)} min`;
  return `${verdict}, ${age} ago`;
}

function parityText({ parity: { value, sample } }: CapabilityStatus): string {
  return value === null ? 'no comparisons' : `${(value * 100).toFixed(1)} % of ${sample}`;
}
