# Run at installation: fills in the places and puts each file where systemd looks for it.
function(place file directory name)
  configure_file("${SOURCE}/${file}" "${STAGE}/${directory}/${name}" @ONLY)
  file(INSTALL "${STAGE}/${directory}/${name}" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/${directory}"
    PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endfunction()

place(sluice.socket systemd/system sluice.socket)
place(sluice.service.in systemd/system sluice.service)
place(sluice-view@.service.in systemd/system sluice-view@.service)
place(user-sluice-view@.service.in systemd/user sluice-view@.service)
place(sysusers.conf sysusers.d sluice.conf)
place(tmpfiles.conf.in tmpfiles.d sluice.conf)
