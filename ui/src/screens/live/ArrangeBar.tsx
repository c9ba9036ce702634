import { Button, Checkbox, NativeSelect, Popover, ScrollArea } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Camera } from "@/api/types";
import { TURN_S } from "./arrange";

interface ArrangeBarProps {
  all: readonly Camera[];
  shown: readonly string[];
  turnS: number;
  change: (shown: string[]) => void;
  turn: (seconds: number) => void;
  done: () => void;
}

/** Above the wall while its tiles are arranged: which cameras are on it, and how pages turn. */
export function ArrangeBar({ all, shown, turnS, change, turn, done }: ArrangeBarProps) {
  const { t } = useTranslation();
  const seconds = TURN_S.includes(turnS as (typeof TURN_S)[number]) ? TURN_S : [...TURN_S, turnS];
  return (
    <div className="hc-arrange-bar" role="group" aria-label={t("walls.arrange")}>
      <p>{t("walls.arrangeHint")}</p>
      <Popover position="bottom-end" withinPortal shadow="md" trapFocus returnFocus>
        <Popover.Target>
          <Button
            size="compact-sm"
            variant="default"
            rightSection={<IconChevronDown size={13} aria-hidden />}
          >
            {t("walls.cameras", { count: shown.length, total: all.length })}
          </Button>
        </Popover.Target>
        <Popover.Dropdown>
          <ScrollArea.Autosize mah={320} type="auto" className="hc-arrange-cameras">
            {all.map((camera) => (
              <Checkbox
                key={camera.id}
                size="sm"
                label={camera.name}
                checked={shown.includes(camera.id)}
                // The last one stays: a wall without cameras is none.
                disabled={shown.length === 1 && shown[0] === camera.id}
                onChange={(event) =>
                  change(
                    event.currentTarget.checked
                      ? [...shown, camera.id]
                      : shown.filter((id) => id !== camera.id),
                  )
                }
              />
            ))}
          </ScrollArea.Autosize>
        </Popover.Dropdown>
      </Popover>
      <NativeSelect
        size="xs"
        aria-label={t("walls.turnEvery")}
        value={String(turnS)}
        onChange={(event) => turn(Number(event.currentTarget.value))}
        data={seconds.map((value) => ({ value: String(value), label: t("walls.turnS", { count: value }) }))}
      />
      <Button size="compact-sm" onClick={done}>
        {t("walls.done")}
      </Button>
    </div>
  );
}
