import { Button, SegmentedControl } from "@mantine/core";
import { IconArrowLeft, IconLineDashed, IconTableExport } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { camerasQuery, countsQuery, sessionQuery, systemQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { NotFound } from "@/app/NotFound";
import { useNow } from "@/app/site";
import { StatePill } from "@/parts/badges";
import { LinkButton } from "@/parts/links";
import { Page } from "@/parts/Page";
import { Empty, Failure, Loading } from "@/parts/states";
import { LineCard } from "./LineCard";
import { RANGES, type Range, rangeOf } from "./range";
import "./counts.css";

const REFRESH_MS = 5_000;

/** Who crossed the lines of a camera. */
export function Counts() {
  const { cameraId } = useParams({ from: "/house/cameras/$cameraId/counts" });
  const cameras = useQuery(camerasQuery);
  if (cameras.isPending) return <Loading rows={3} height={160} />;
  if (cameras.data === undefined)
    return <Failure error={cameras.error} retry={() => void cameras.refetch()} />;
  const camera = cameras.data.find((row) => row.id === cameraId);
  return camera === undefined ? <NotFound /> : <OneCamera key={camera.id} camera={camera} />;
}

function OneCamera({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const [range, setRange] = useState<Range>("today");
  const zone = useQuery(systemQuery).data?.time_zone ?? "UTC";
  const now = useNow();
  const { startMs, endMs, bucket } = rangeOf(range, now, zone);
  const counts = useQuery({
    ...countsQuery(camera.id, startMs, endMs, bucket),
    refetchInterval: REFRESH_MS,
  });
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const lines = counts.data?.lines ?? [];
  return (
    <Page
      title={t("counts.title", { name: camera.name })}
      detail={
        <>
          <Link
            to="/live/$cameraId"
            params={{ cameraId: camera.id }}
            search={{}}
            className="hc-back"
            aria-label={t("counts.back")}
          >
            <IconArrowLeft size={16} aria-hidden />
          </Link>
          <StatePill camera={camera} />
        </>
      }
      actions={
        lines.length > 0 && (
          <>
            <SegmentedControl
              value={range}
              onChange={(value) => setRange(RANGES.find((one) => one === value) ?? "today")}
              aria-label={t("counts.range")}
              data={RANGES.map((value) => ({ value, label: t(`counts.${value}`) }))}
            />
            <Button
              component="a"
              variant="default"
              leftSection={<IconTableExport size={16} />}
              href={`/api/cameras/${camera.id}/counts.csv?start_ms=${startMs}&end_ms=${endMs}&bucket=${bucket}`}
              download
            >
              {t("counts.csv")}
            </Button>
          </>
        )
      }
    >
      {counts.data === undefined ? (
        counts.isError ? (
          <Failure error={counts.error} retry={() => void counts.refetch()} />
        ) : (
          <Loading rows={2} height={220} />
        )
      ) : lines.length === 0 ? (
        <Empty icon={IconLineDashed} title={t("counts.none")} hint={t("counts.noneHint")}>
          {admin && (
            <LinkButton
              to="/cameras/$cameraId"
              params={{ cameraId: camera.id }}
              search={{ tab: "zones" }}
              leftSection={<IconLineDashed size={16} />}
            >
              {t("counts.draw")}
            </LinkButton>
          )}
        </Empty>
      ) : (
        <div className="hc-counts">
          {lines.map((line) => (
            <LineCard key={line.line} line={line} counts={counts.data} />
          ))}
        </div>
      )}
    </Page>
  );
}
