import { Button, Menu } from "@mantine/core";
import { IconCheck, IconChevronDown } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { RUNGS, type Rung } from "@/player/engine";
import type { Choice } from "@/player/rungs";

interface PlayerMenuProps {
  choice: Choice;
  rung: Rung | null;
  choose: (choice: Choice) => void;
}

/** Says in which way the picture comes, and lets one choose another. `data-rung` tells the way. */
export function PlayerMenu({ choice, rung, choose }: PlayerMenuProps) {
  const { t } = useTranslation();
  const choices: Choice[] = ["auto", ...RUNGS];
  return (
    <Menu position="top-end" withinPortal shadow="md">
      <Menu.Target>
        <Button
          size="compact-xs"
          variant="subtle"
          color="gray"
          rightSection={<IconChevronDown size={13} aria-hidden />}
          aria-label={t("player.choose")}
          title={t("player.choose")}
          className="hc-way"
          data-rung={rung ?? ""}
        >
          {rung === null ? t("player.auto") : t(`player.${rung}`)}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("player.way")}</Menu.Label>
        {choices.map((one) => (
          <Menu.Item
            key={one}
            role="menuitemradio"
            aria-checked={choice === one}
            onClick={() => choose(one)}
            rightSection={choice === one ? <IconCheck size={14} aria-hidden /> : null}
          >
            <span className="hc-way-item">
              <strong>{t(`player.${one}`)}</strong>
              <span className="hc-dim">{t(`player.${one}Hint`)}</span>
            </span>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
