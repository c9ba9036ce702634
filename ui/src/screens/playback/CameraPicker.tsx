import { Button, Checkbox, Popover, ScrollArea, Tooltip } from "@mantine/core";
import { IconDeviceCctv } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Camera } from "@/api/types";
import { MOST_CAMERAS } from "@/app/search";

interface CameraPickerProps {
  all: Camera[];
  chosen: string[];
  choose: (cameras: string[]) => void;
}

/** Which cameras are played side by side, one to sixteen. */
export function CameraPicker({ all, chosen, choose }: CameraPickerProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const first = all.find((camera) => camera.id === chosen[0]);
  const label = chosen.length === 1 ? (first?.name ?? "") : t("playback.cameras", { count: chosen.length });
  const full = chosen.length >= MOST_CAMERAS;
  const toggle = (id: string): void => {
    const next = chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id];
    if (next.length > 0) choose(all.map((row) => row.id).filter((one) => next.includes(one)));
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" shadow="md" trapFocus withinPortal>
      <Popover.Target>
        <Button
          variant="default"
          size="sm"
          leftSection={<IconDeviceCctv size={16} aria-hidden />}
          onClick={() => setOpen(!open)}
          aria-expanded={open}
          aria-label={`${t("playback.pickCameras")}: ${label}`}
          className="hc-picker"
        >
          {label}
        </Button>
      </Popover.Target>
      <Popover.Dropdown className="hc-picker-list">
        <div className="hc-picker-head">
          <Button
            size="compact-sm"
            variant="subtle"
            onClick={() => choose(all.slice(0, MOST_CAMERAS).map((one) => one.id))}
          >
            {all.length > MOST_CAMERAS
              ? t("playback.firstCameras", { count: MOST_CAMERAS })
              : t("playback.allCameras")}
          </Button>
          {full && <span className="hc-dim hc-small">{t("playback.most", { count: MOST_CAMERAS })}</span>}
        </div>
        <ScrollArea.Autosize mah={320} type="auto">
          {all.map((camera) => {
            const on = chosen.includes(camera.id);
            return (
              <div key={camera.id} className="hc-picker-row">
                <Checkbox
                  label={camera.name}
                  checked={on}
                  disabled={(full && !on) || (on && chosen.length === 1)}
                  onChange={() => toggle(camera.id)}
                />
                <Tooltip label={t("playback.onlyThis")}>
                  <Button
                    size="compact-xs"
                    variant="subtle"
                    color="gray"
                    aria-label={`${t("playback.onlyThis")}: ${camera.name}`}
                    onClick={() => {
                      choose([camera.id]);
                      setOpen(false);
                    }}
                  >
                    {t("playback.only")}
                  </Button>
                </Tooltip>
              </div>
            );
          })}
        </ScrollArea.Autosize>
      </Popover.Dropdown>
    </Popover>
  );
}
