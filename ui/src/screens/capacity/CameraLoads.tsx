import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { CameraLoad } from "./api";
import { InspectionSwitch } from "./InspectionSwitch";

/** Each camera, the dearest first: what it costs, and what of what is asked for it is given. */
export function CameraLoads({ cameras }: { cameras: CameraLoad[] }) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 1 });
  const most = Math.max(1, ...cameras.map((camera) => camera.cost_ms_s ?? 0));
  const pair = (given: number, wanted: number): string =>
    t("capacity.given", { given: number.format(given), wanted: number.format(wanted) });
  if (cameras.length === 0) return <p className="hc-dim">{t("capacity.noCameras")}</p>;
  return (
    <section>
      <h2>{t("capacity.cameras")}</h2>
      <p className="hc-dim hc-capacity-hint">{t("capacity.costHint")}</p>
      <div className="hc-table-wrap">
        <table className="hc-table hc-loads">
          <thead>
            <tr>
              <th>{t("cameras.name")}</th>
              <th>{t("capacity.cost")}</th>
              <th>{t("capacity.looks")}</th>
              <th>{t("capacity.units")}</th>
              <th>{t("capacity.leftOut")}</th>
              <th>{t("capacity.level")}</th>
              <th>{t("capacity.workerHead")}</th>
              <th>{t("capacity.inspected")}</th>
            </tr>
          </thead>
          <tbody>
            {cameras.map((row) => (
              <tr key={row.camera} data-camera={row.camera} data-off={!row.on || undefined}>
                <td>
                  <Link to="/cameras/$cameraId/ai" params={{ cameraId: row.camera }} className="hc-load-name">
                    {row.name}
                  </Link>
                </td>
                <td className="hc-num hc-load-cost">
                  {row.cost_ms_s === null ? "–" : t("capacity.msPerS", { ms: number.format(row.cost_ms_s) })}
                  <i style={{ inlineSize: `${((row.cost_ms_s ?? 0) / most) * 100}%` }} />
                </td>
                <td className="hc-num">{row.on ? pair(row.given_looks_s, row.wanted_looks_s) : "–"}</td>
                <td className="hc-num">{row.on ? pair(row.given_units_s, row.wanted_units_s) : "–"}</td>
                <td className="hc-num" title={t("capacity.leftOutHint")}>
                  {row.on ? `${number.format(row.thinned_looks)} / ${number.format(row.shed_units)}` : "–"}
                </td>
                <td>
                  <span className="hc-load-level" data-level={row.on ? row.level : "off"}>
                    {t(row.on ? `capacity.level_${row.level}` : "capacity.stopped")}
                  </span>
                </td>
                <td className="hc-num">{row.worker === null ? "–" : row.worker + 1}</td>
                <td>
                  <InspectionSwitch camera={row.camera} name={row.name} on={row.on} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
