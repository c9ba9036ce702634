import { queryOptions, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { camerasQuery } from "@/api/queries";

interface Rendition {
  camera: string;
  kind: "tile" | "h264" | "stills";
  source: string;
  codec: string;
  is_passed: boolean;
  width_px: number;
  height_px: number;
  viewers: number;
  fps: number;
  cores: number;
  shed: number;
}

interface RenditionList {
  renditions: Rendition[];
  used: number;
  limit: number;
}

const renditionsQuery = queryOptions({
  queryKey: ["renditions"],
  refetchInterval: 5_000,
  queryFn: ({ signal }) => request<RenditionList>("GET", "/api/renditions", undefined, signal),
});

/** What this server makes for who watches, and what it costs. Nothing while nobody wants anything of the kind. */
export function Renditions() {
  const { t, i18n } = useTranslation();
  const list = useQuery(renditionsQuery);
  const cameras = useQuery(camerasQuery).data ?? [];
  const made = list.data?.renditions.filter((row) => !row.is_passed) ?? [];
  if (list.data === undefined || made.length === 0) return null;
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 2 });
  return (
    <section className="hc-panel hc-form">
      <h2>{t("made.title")}</h2>
      <p className="hc-dim">{t("made.hint", { used: list.data.used, limit: list.data.limit })}</p>
      <div className="hc-table-wrap">
        <table className="hc-table">
          <thead>
            <tr>
              <th>{t("made.camera")}</th>
              <th>{t("made.what")}</th>
              <th>{t("made.viewers")}</th>
              <th>{t("made.rate")}</th>
              <th>{t("made.cores")}</th>
            </tr>
          </thead>
          <tbody>
            {made.map((row) => (
              <tr key={`${row.camera}/${row.kind}`}>
                <td>{cameras.find((camera) => camera.id === row.camera)?.name ?? row.camera}</td>
                <td>
                  {t(`made.${row.kind}`)}{" "}
                  <span className="hc-dim hc-num">
                    {row.codec} → {row.width_px}×{row.height_px}
                  </span>
                </td>
                <td className="hc-num">{row.viewers}</td>
                <td className="hc-num">{number.format(row.fps)}</td>
                <td className="hc-num">{number.format(row.cores)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
