import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Camera } from "@/api/types";
import { LiveTile } from "@/parts/LiveTile";
import type { Editor } from "./editor";
import { ZoneOverlay } from "./ZoneOverlay";

interface ZoneCanvasProps {
  camera: Camera;
  editor: Editor;
  change: (editor: Editor) => void;
}

/** Zones over the living picture. */
export function ZoneCanvas({ camera, editor, change }: ZoneCanvasProps) {
  const { t } = useTranslation();
  const [size, setSize] = useState({
    width: camera.status.width ?? 1_280,
    height: camera.status.height ?? 720,
  });
  return (
    <div className="hc-zone-canvas" style={{ aspectRatio: `${size.width} / ${size.height}` }}>
      <LiveTile
        camera={camera}
        showName={false}
        onStats={(stats) => {
          if (stats.width > 0 && (stats.width !== size.width || stats.height !== size.height))
            setSize({ width: stats.width, height: stats.height });
        }}
      />
      <ZoneOverlay
        editor={editor}
        change={change}
        size={size}
        label={t("zones.canvas", { name: camera.name })}
      />
    </div>
  );
}
