import { useQuery } from "@tanstack/react-query";
import { type CSSProperties, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { zonesQuery } from "@/api/queries";
import type { Camera, Point } from "@/api/types";
import { through, type View, viewStill } from "@/views/views";

/** The picture before a move and after it, one over the other, with the zones as they lay and as they lie. */
export function BeforeAfter({ camera, view }: { camera: Camera; view: View }) {
  const { t } = useTranslation();
  const id = useId();
  const [share, setShare] = useState(50);
  const [missing, setMissing] = useState<readonly string[]>([]);
  const zones = useQuery(zonesQuery(camera.id, view.at_ms - 1)).data ?? [];
  const { width, height } = camera.status;
  const shape = {
    aspectRatio: width !== null && height !== null && height > 0 ? `${width} / ${height}` : "16 / 9",
    "--share": `${share}%`,
  };
  const still = (side: "before" | "after") =>
    missing.includes(side) ? (
      <span className="hc-drift-gone" data-side={side}>
        {t("views.noStill")}
      </span>
    ) : (
      <img
        src={viewStill(camera.id, view.id, side)}
        alt={t(`views.${side}`)}
        data-side={side}
        draggable={false}
        onError={() => setMissing((list) => [...list, side])}
      />
    );
  return (
    <figure className="hc-drift-compare">
      <div className="hc-drift-stage" style={shape as CSSProperties}>
        {still("before")}
        {still("after")}
        <svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden>
          {zones.map((zone, index) => (
            <g key={zone.id ?? index}>
              <polygon className="hc-drift-old" points={drawn(zone.points)} stroke={zone.colour} />
              {view.step !== null && (
                <polygon
                  className="hc-drift-new"
                  points={drawn(through(zone.points, view.step))}
                  stroke={zone.colour}
                  fill={zone.colour}
                />
              )}
            </g>
          ))}
        </svg>
        <span className="hc-drift-tag" data-side="before">
          {t("views.before")}
        </span>
        <span className="hc-drift-tag" data-side="after">
          {t("views.after")}
        </span>
        <i className="hc-drift-edge" aria-hidden />
      </div>
      <label className="hc-drift-slide" htmlFor={id}>
        <span>{t("views.compare")}</span>
        <input
          id={id}
          type="range"
          min={0}
          max={100}
          value={share}
          aria-valuetext={t("views.compareValue", { share: 100 - share })}
          onChange={(event) => setShare(Number(event.currentTarget.value))}
        />
      </label>
      {zones.length > 0 && view.step !== null && (
        <figcaption className="hc-dim">{t("views.legend")}</figcaption>
      )}
    </figure>
  );
}

const drawn = (points: readonly Point[]): string =>
  points.map(([x, y]) => `${(x * 1_000).toFixed(1)},${(y * 1_000).toFixed(1)}`).join(" ");
