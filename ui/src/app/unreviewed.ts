import { useQuery } from "@tanstack/react-query";
import { fetchEvents } from "@/api/queries";

/** Events that nobody has looked at yet. */
export function useUnreviewed(): number {
  const { data } = useQuery({
    queryKey: ["events", "count"],
    refetchInterval: 30_000,
    queryFn: async ({ signal }) => (await fetchEvents({ limit: 1 }, signal)).unreviewed,
  });
  return data ?? 0;
}
