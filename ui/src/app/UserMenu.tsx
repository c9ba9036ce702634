import { Menu, UnstyledButton, useMantineColorScheme } from "@mantine/core";
import {
  IconDeviceDesktop,
  IconDeviceTv,
  IconHelp,
  IconKey,
  IconKeyboard,
  IconLogout,
  IconMoon,
  IconSun,
  IconUserCircle,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { rememberSession, request } from "@/api/client";
import { queryClient, sessionQuery } from "@/api/queries";

const SCHEMES = [
  ["auto", IconDeviceDesktop],
  ["light", IconSun],
  ["dark", IconMoon],
] as const;

export function UserMenu({ openSheet }: { openSheet?: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { data: session } = useQuery(sessionQuery);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const name = session?.user.name ?? "";

  const logOut = async (): Promise<void> => {
    await request("DELETE", "/api/session");
    rememberSession(null);
    queryClient.clear();
    await navigate({ to: "/login", search: {} });
  };

  return (
    <Menu position="right-end" width={220} shadow="md" withinPortal>
      <Menu.Target>
        <UnstyledButton className="hc-nav-link hc-user">
          <IconUserCircle size={20} stroke={1.6} aria-hidden />
          <span>{name}</span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("settings.theme")}</Menu.Label>
        {SCHEMES.map(([scheme, Icon]) => (
          <Menu.Item
            key={scheme}
            leftSection={<Icon size={16} />}
            data-active={colorScheme === scheme || undefined}
            onClick={() => setColorScheme(scheme)}
          >
            {t(`settings.theme_${scheme}`)}
          </Menu.Item>
        ))}
        <Menu.Divider />
        {openSheet !== undefined && (
          <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={openSheet}>
            {t("shortcuts.title")}
          </Menu.Item>
        )}
        <Menu.Item
          leftSection={<IconHelp size={16} />}
          component="a"
          href="/docs"
          target="_blank"
          rel="noreferrer"
        >
          {t("app.apiDocs")}
        </Menu.Item>
        <Menu.Item leftSection={<IconDeviceTv size={16} />} onClick={() => void navigate({ to: "/players" })}>
          {t("tokens.title")}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconKey size={16} />}
          onClick={() => void navigate({ to: "/settings", search: { tab: "account" } })}
        >
          {t("user.password")}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void logOut()}>
          {t("user.logOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
