import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { countsQuery, linesQuery, systemQuery, zonesQuery } from "@/api/queries";
import { rangeOf } from "@/screens/counts/range";
import { type Shape, shapesOf } from "./editor";

const REFRESH_MS = 2_000;
const MINUTE_MS = 60_000;

/** What is drawn on a camera's picture: its zones, and its lines with how many crossed them today. */
export function useDrawn(camera: string): readonly Shape[] {
  const { t } = useTranslation();
  const zones = useQuery(zonesQuery(camera)).data;
  const lines = useQuery(linesQuery(camera)).data;
  const zone = useQuery(systemQuery).data?.time_zone ?? "UTC";
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
  const { startMs, endMs } = rangeOf("today", now, zone);
  const counting = lines?.some((line) => line.labels.length > 0) === true;
  const counts = useQuery({
    ...countsQuery(camera, startMs, endMs, "day"),
    enabled: counting,
    refetchInterval: REFRESH_MS,
  }).data;
  return useMemo(() => {
    const told = (lines ?? []).map((line) => {
      const found = counts?.lines.find((one) => one.line === line.id);
      if (found === undefined || line.labels.length === 0) return line;
      const numbers = t("counts.live", {
        forward: line.forward,
        a: found.forward_total,
        backward: line.backward,
        b: found.backward_total,
      });
      return { ...line, name: `${line.name}: ${numbers}` };
    });
    return shapesOf(zones ?? [], told);
  }, [zones, lines, counts, t]);
}
