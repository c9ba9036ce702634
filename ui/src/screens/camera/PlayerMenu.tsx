import { Button, Menu } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { RUNGS, type Rung } from "@/player/engine";
import { type Choice, isChoice } from "@/player/rungs";

interface PlayerMenuProps {
  choice: Choice;
  rung: Rung | null;
  choose: (choice: Choice) => void;
}

/** Says in which way the picture comes, and lets one choose another. `data-rung` tells the way. */
export function PlayerMenu({ choice, rung, choose }: PlayerMenuProps) {
  const { t } = useTranslation();
  const choices: Choice[] = ["auto", ...RUNGS];
  const shown = t(`player.${rung ?? "auto"}`);
  return (
    <Menu position="top-end" withinPortal shadow="md">
      <Menu.Target>
        <Button
          size="compact-xs"
          variant="subtle"
          color="gray"
          rightSection={<IconChevronDown size={13} aria-hidden />}
          aria-label={`${t("player.choose")}: ${shown}`}
          title={t("player.choose")}
          className="hc-way"
          data-rung={rung ?? ""}
        >
          {shown}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("player.way")}</Menu.Label>
        <Menu.RadioGroup value={choice} onChange={(next) => isChoice(next) && choose(next)}>
          {choices.map((one) => (
            <Menu.RadioItem key={one} value={one} closeMenuOnClick>
              <span className="hc-way-item">
                <strong>{t(`player.${one}`)}</strong>
                <span className="hc-dim">{t(`player.${one}Hint`)}</span>
              </span>
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}
