import type { Registry } from 'prom-client';

/**
 * Counters and histograms whose series are resolved once and then only added to.
 *
 * prom-client looks a series up by hashing its labels at every call, which costs a request more than matching and
 * deciding together. So these keep plain numbers, and give prom-client its own shape when somebody reads `/metrics`.
 */
export interface Counter {
  add(): void;
}

export interface Histogram {
  observe(seconds: number): void;
}

type Labels = Readonly<Record<string, string>>;

/** A family of counters; `of` is called once per series. */
export function counterFamily(registry: Registry, name: string, help: string): { of(labels: Labels): Counter } {
  const series: { labels: Labels; value: number }[] = [];
  register(registry, name, help, 'counter', () => series);
  return {
    of(labels) {
      const cell = { labels, value: 0 };
      series.push(cell);
      return {
        add() {
          cell.value++;
        },
      };
    },
  };
}

/** A family of histograms over the same upper bounds, in seconds. */
export function histogramFamily(
  registry: Registry,
  name: string,
  help: string,
  bounds: readonly number[],
): { of(labels: Labels): Histogram } {
  const series: { labels: Labels; counts: number[]; sum: number }[] = [];
  register(registry, name, help, 'histogram', () =>
    series.flatMap(({ labels, counts, sum }) => {
      let count = 0;
      const buckets = counts.map((inBucket, i) => {
        count += inBucket;
        return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bounds[i] ?? '+Inf') }, value: count };
      });
      const totals = [
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ];
      return [...buckets, ...totals];
    }),
  );
  return {
    of(labels) {
      const cell = { labels, counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 };
      series.push(cell);
      return {
        observe(seconds) {
          cell.sum += seconds;
          let bucket = 0;
          while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++;
          (cell.counts[bucket] as number)++;
        },
      };
    },
  };
}

function register(registry: Registry, name: string, help: string, type: string, values: () => object[]): void {
  const metric = { name, help, type, aggregator: 'sum', get: async () => ({ name, help, type, values: values() }) };
  registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);
}
