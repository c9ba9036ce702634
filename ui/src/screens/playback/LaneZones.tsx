import { Chip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { zonesQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { viewsQuery } from "@/views/views";
import "./lanezones.css";

/** Zones over a recorded picture, where they lay at its moment: the camera may have been moved since. */
export function LaneZones({ camera, at }: { camera: Camera; at: number }) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(false);
  return (
    <>
      {shown && <Outlines camera={camera} at={at} />}
      <Chip size="xs" className="hc-lane-zones-chip" checked={shown} onChange={setShown}>
        {t("camera.zones")}
      </Chip>
    </>
  );
}

function Outlines({ camera, at }: { camera: Camera; at: number }) {
  const views = useQuery({ ...viewsQuery(camera.id), refetchInterval: false }).data?.views;
  // Zones stay where they are between two entries: asked for once for each.
  const since = views?.find((one) => one.at_ms <= at && isInForce(one))?.at_ms ?? 0;
  const zones = useQuery({ ...zonesQuery(camera.id, since), enabled: views !== undefined }).data ?? [];
  const { width, height } = camera.status;
  const [w, h] = width !== null && height !== null && height > 0 ? [width, height] : [1_280, 720];
  return (
    <svg
      className="hc-lane-zones"
      viewBox={`0 0 ${w} ${h}`}
      preserveAspectRatio="xMidYMid meet"
      data-since={since}
      aria-hidden
    >
      {zones.map((zone, index) => (
        <polygon
          key={zone.id ?? index}
          points={zone.points.map(([x, y]) => `${x * w},${y * h}`).join(" ")}
          stroke={zone.colour}
          fill={zone.colour}
        />
      ))}
    </svg>
  );
}

const isInForce = (view: { status: string; transform: unknown }): boolean =>
  view.transform !== null && (view.status === "applied" || view.status === "accepted");
